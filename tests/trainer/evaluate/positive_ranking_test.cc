// A log of positive events alone: query items are ranked among the items without an event.

#include <fstream>
#include <optional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "tests/tools/message_of.h"
#include "tests/trainer/support/clicks.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/evaluate/evaluation.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;

constexpr Part kPart{Split::kTest, Scenario::kNonCold};
constexpr int64_t kTopK = 3;

class PositiveRanking : public ::testing::Test {
 protected:
  PositiveRanking() {
    tasks_.support = 4;
    tasks_.query = 3;
    tasks_.min_events = 3;
    tasks_.chunk = 4;
    tasks_.negatives = 2;
    options_.top_k = kTopK;
    options_.bootstrap = 5;
    options_.shots = {};
    UseLoss(MetaOptions::Loss::kBpr);
  }
  void UseLoss(MetaOptions::Loss loss) {
    TrainerOptions options;
    options.model.dim = 3;
    options.model.layers = {4};
    options.model.init_scale = 1.0;
    options.meta.loss = loss;
    options.tasks = tasks_;
    on_data_.emplace(dataset_, options, at::TensorOptions().dtype(at::kDouble));
    parameters_ = on_data_->learner.InitialParameters(TableOptimizer::kAdam, 5);
    tasks_ = TrainingTasks(options);
  }
  Evaluator MakeEvaluator(Communicator& communicator) const {
    return Evaluator(on_data_->learner, on_data_->data, dataset_, tasks_, options_, 5,
                     communicator);
  }
  ScenarioResult Evaluate(const std::vector<std::unique_ptr<Baseline>>& baselines = {}) const {
    SelfCommunicator self;
    return MakeEvaluator(self).EvaluatePart(parameters_, kPart, baselines);
  }

  // All items that the owner of a task has an event with.
  std::set<int64_t> KnownItems(int64_t task_id) const {
    std::set<int64_t> known;
    for (const Part part : AllParts()) {
      for (const int64_t index : dataset_.ShardsOf(part)) {
        const ShardReader& shard = dataset_.Shard(index);
        for (int64_t t = 0; t < shard.task_count(); ++t) {
          const TaskView task = shard.task(t);
          if (task.id == task_id) known.insert(task.items.begin(), task.items.end());
        }
      }
    }
    return known;
  }

  // The mean over tasks of the share of tasks with a query item among the first kTopK, counted pair
  // by pair. `score(chunk, task, items)` scores items.
  template <typename Score>
  double HitRate(const Score& score) const {
    const EvaluationEpisodes episodes(dataset_, kPart, tasks_, {.seed = 5});
    double hits = 0, count = 0;
    for (int64_t c = 0; c < episodes.chunk_count(); ++c) {
      const Chunk chunk = episodes.Build(c);
      for (int64_t t = 0; t < chunk.task_count(); ++t) {
        const std::set<int64_t> query(chunk.query.items.begin() + chunk.query.offsets[t],
                                      chunk.query.items.begin() + chunk.query.offsets[t + 1]);
        const std::set<int64_t> known = KnownItems(chunk.task_ids[t]);
        std::vector<int64_t> items;
        for (int64_t item = 0; item < dataset_.items().size(); ++item) {
          if (query.contains(item) || !known.contains(item)) items.push_back(item);
        }
        const std::vector<double> scores = score(chunk, t, items);
        bool hit = false;
        for (size_t a = 0; a < items.size(); ++a) {
          if (!query.contains(items[a])) continue;
          int64_t better = 0;
          for (size_t b = 0; b < items.size(); ++b) better += scores[b] > scores[a];
          hit |= better < kTopK;
        }
        hits += hit;
        count += 1;
      }
    }
    return hits / count;
  }

  const Dataset dataset_{{.path = Clicks()}};
  TaskOptions tasks_;
  EvalOptions options_;
  std::optional<LearnerOfDataset> on_data_;
  MetaParameters parameters_;
};

TEST_F(PositiveRanking, HitsAreThoseOfAFullCountOverTheCatalogue) {
  ASSERT_TRUE(dataset_.manifest().positive_only);
  const ScenarioResult result = Evaluate();
  const std::string hr = "hr@3";
  const double adapted = HitRate([&](const Chunk& chunk, int64_t t, const auto& items) {
    const BatchBuilder& builder = on_data_->data.builder();
    const TaskState state = on_data_->learner.Adapt(parameters_, builder, TaskOfChunk(chunk, t));
    return on_data_->learner.ScoreItems(parameters_, builder, state, chunk.task_ids[t], items);
  });
  const double unadapted = HitRate([&](const Chunk& chunk, int64_t t, const auto& items) {
    return on_data_->learner.ScoreItems(parameters_, on_data_->data.builder(), TaskState(),
                                        chunk.task_ids[t], items);
  });
  EXPECT_DOUBLE_EQ(result.values.at("adapted").at(hr).mean, adapted);
  EXPECT_DOUBLE_EQ(result.values.at("unadapted").at(hr).mean, unadapted);
  EXPECT_GT(adapted, 0.0);
  EXPECT_LT(adapted, 1.0);
}

// The support of a task is adapted to with its negatives as rows, written out by hand here. The
// query rows stay what they are: their loss is that of the events alone.
TEST_F(PositiveRanking, APointwiseLossAdaptsWithNegativesAndMeasuresEvents) {
  UseLoss(MetaOptions::Loss::kBce);
  const Learner& learner = on_data_->learner;
  const BatchBuilder& builder = on_data_->data.builder();
  const auto adapt = [&](const Chunk& chunk, int64_t t) {
    Chunk task = TaskOfChunk(chunk, t);
    EXPECT_EQ(std::ssize(task.support.negatives), 2 * task.support.row_count());
    EXPECT_THAT(task.query.negatives, IsEmpty());
    for (const int64_t item : task.support.negatives) {
      task.support.items.push_back(item);
      task.support.labels.push_back(0.0f);
    }
    task.support.offsets.back() = std::ssize(task.support.items);
    task.support.negatives.clear();
    task.negatives_per_row = 0;
    task.negatives_are_rows = false;
    return learner.Adapt(parameters_, builder, task);
  };
  double loss = 0, rows = 0;
  const double hits = HitRate([&](const Chunk& chunk, int64_t t, const auto& items) {
    const TaskState state = adapt(chunk, t);
    const Chunk task = TaskOfChunk(chunk, t);
    const std::vector<double> chances =
        learner.ScoreItems(parameters_, builder, state, chunk.task_ids[t], task.query.items);
    double sum = 0;
    for (const double chance : chances) sum -= std::log(chance);
    loss += sum / static_cast<double>(chances.size());
    rows += 1;
    return learner.ScoreItems(parameters_, builder, state, chunk.task_ids[t], items);
  });
  const ScenarioResult result = Evaluate();
  EXPECT_DOUBLE_EQ(result.values.at("adapted").at("hr@3").mean, hits);
  EXPECT_NEAR(result.values.at("adapted").at("loss").mean, loss / rows, 1e-9);
  EXPECT_GT(hits, 0.0);
}

TEST_F(PositiveRanking, BaselinesRankTheSameCandidates) {
  const auto baselines = FitBaselines(ReadTrainingLog(dataset_), 5);
  const ScenarioResult result = Evaluate(baselines);
  for (const auto& baseline : baselines) {
    const std::string name(baseline->name());
    if (name != "popularity" && name != "als" && name != "item_knn") continue;
    double ties = 0;
    const double counted = HitRate([&](const Chunk& chunk, int64_t t, const auto& items) {
      const int64_t begin = chunk.support.offsets[t], end = chunk.support.offsets[t + 1];
      const std::vector<double> scores =
          baseline->Predict({std::span(chunk.support.items).subspan(begin, end - begin),
                             std::span(chunk.support.labels).subspan(begin, end - begin)},
                            items);
      ties += std::set<double>(scores.begin(), scores.end()).size() < scores.size();
      return scores;
    });
    // A count of strictly better items is the best order of equal ones; hr@3 is their mean.
    if (ties == 0) {
      EXPECT_DOUBLE_EQ(result.values.at(name).at("hr@3").mean, counted) << name;
    } else {
      EXPECT_LE(result.values.at(name).at("hr@3").mean, counted) << name;
    }
    EXPECT_GT(result.values.at(name).at("hr@3").mean, 0.0) << name;
  }
}

TEST_F(PositiveRanking, ErrorsAndThresholdsAreLeftOut) {
  const ScenarioResult result = Evaluate(FitBaselines(ReadTrainingLog(dataset_), 5));
  for (const auto& [row, values] : result.values) {
    for (const char* name : {"rmse", "mae", "precision", "recall", "f1"}) {
      EXPECT_THAT(values, Not(Contains(Key(name)))) << row;
    }
    for (const char* name : {"ndcg@3", "hr@3", "mrr", "auc"}) {
      EXPECT_THAT(values, Contains(Key(name))) << row;
    }
  }
}

TEST_F(PositiveRanking, ValidationRanksToo) {
  SelfCommunicator self;
  Evaluator evaluator = MakeEvaluator(self);
  const ValidationResult result = evaluator.Validate(parameters_);
  EXPECT_EQ(result.metric, "ndcg@3") << "auto";
  EXPECT_GT(result.value, 0.0);
  EXPECT_LT(result.value, 0.9);
  EXPECT_GT(result.unadapted_loss, 0.0);
}

TEST_F(PositiveRanking, AnyNumberOfRanksAndShardedTablesGiveTheSame) {
  const ScenarioResult alone = Evaluate();
  RunOnThreads(3, [&](Communicator& communicator) {
    const MetaParameters sharded = on_data_->learner.InitialParameters(
        TableOptimizer::kAdam, 5, {},
        {communicator.rank(), communicator.world_size(), /*replicate_bytes=*/0, Wire::kFull});
    const ScenarioResult together = MakeEvaluator(communicator).EvaluatePart(sharded, kPart, {});
    for (const char* row : {"adapted", "unadapted"}) {
      EXPECT_EQ(together.values.at(row).at("ndcg@3").mean, alone.values.at(row).at("ndcg@3").mean);
    }
  });
}

TEST_F(PositiveRanking, ScoresOfAnyNumberOfRanksAreTheSame) {
  options_.shots = {1, 3};
  const auto baselines = FitBaselines(ReadTrainingLog(dataset_), 5);
  SelfCommunicator self;
  PredictionLog alone;
  MakeEvaluator(self).EvaluatePart(parameters_, kPart, baselines, &alone);
  EXPECT_THAT(alone.methods(),
              ElementsAre("adapted", "unadapted", "global_mean", "support_mean", "bias",
                          "popularity", "item_knn", "als", "adapted_shot_1", "adapted_shot_3"));
  ASSERT_THAT(alone.episodes(), Not(IsEmpty()));
  RunOnThreads(3, [&](Communicator& communicator) {
    PredictionLog together;
    MakeEvaluator(communicator).EvaluatePart(parameters_, kPart, baselines, &together);
    EXPECT_EQ(together.methods(), alone.methods());
    ASSERT_EQ(together.episodes().size(), alone.episodes().size());
    for (const auto& [place, episode] : alone.episodes()) {
      const PredictionLog::Episode& other = together.episodes().at(place);
      EXPECT_EQ(other.task_id, episode.task_id);
      EXPECT_EQ(other.support_items, episode.support_items);
      EXPECT_EQ(other.items, episode.items);
      EXPECT_EQ(other.labels, episode.labels);
      EXPECT_EQ(other.scores, episode.scores);
      EXPECT_EQ(other.losses, episode.losses);
    }
  });
}

TEST_F(PositiveRanking, EvaluationsMayHaveSizesOfTheirOwn) {
  options_.support = 2;
  options_.query = 1;
  SelfCommunicator self;
  PredictionLog log;
  MakeEvaluator(self).EvaluatePart(parameters_, kPart, {}, &log);
  ASSERT_THAT(log.episodes(), Not(IsEmpty()));
  for (const auto& [place, episode] : log.episodes()) {
    EXPECT_LE(episode.support_items.size(), 2u);
    EXPECT_EQ(episode.query_count, 1);
  }
}

TEST_F(PositiveRanking, RefusesMetricsThatLabelsOfOneKindCannotDefine) {
  SelfCommunicator self;
  for (const char* metric : {"rmse", "mae", "f1", "precision", "recall"}) {
    options_.metric = metric;
    EXPECT_THAT(MessageOf<ConfigError>([&] { MakeEvaluator(self); }),
                AllOf(HasSubstr(std::string("eval.metric=") + metric), HasSubstr("every event")));
  }
}

TEST(ChosenMetric, FollowsDataAndLoss) {
  EvalOptions options;
  options.top_k = 7;
  EXPECT_EQ(ChosenMetric(options, MetaOptions::Loss::kMse, false), "rmse");
  EXPECT_EQ(ChosenMetric(options, MetaOptions::Loss::kMse, true), "ndcg@7");
  EXPECT_EQ(ChosenMetric(options, MetaOptions::Loss::kBpr, false), "ndcg@7");
  options.metric = "auc";
  EXPECT_EQ(ChosenMetric(options, MetaOptions::Loss::kMse, true), "auc");
}

TEST(RelevantAt, AboveAllLabelsIsRefusedWhereTheMetricNeedsIt) {
  const Dataset dataset({.path = SmallDataset()});
  LearnerOptions learner_options;
  const LearnerOfDataset on_data(dataset, learner_options, at::TensorOptions());
  SelfCommunicator self;
  EvalOptions options;
  options.relevant_at = 99;
  const auto make = [&] {
    Evaluator(on_data.learner, on_data.data, dataset, TaskOptions(), options, 1, self);
  };
  EXPECT_NO_THROW(make()) << "rmse does not use it";
  options.metric = "auc";
  EXPECT_THAT(MessageOf<ConfigError>(make),
              AllOf(HasSubstr("eval.relevant_at=99"), HasSubstr("eval.metric=auc")));
  options.relevant_at = EvalOptions::kAuto;
  EXPECT_NO_THROW(make());
}

}  // namespace
}  // namespace hearth

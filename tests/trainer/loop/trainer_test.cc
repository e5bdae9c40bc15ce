#include "trainer/loop/trainer.h"

#include <cmath>
#include <fstream>
#include <mutex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "common/error.h"
#include "tests/tools/message_of.h"
#include "tests/trainer/support/clicks.h"
#include "tests/trainer/support/models_and_methods.h"
#include "trainer/adapt/learner_of_dataset.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class TrainerTest : public ::testing::Test {
 protected:
  Dataset dataset_{{.path = SmallDataset()}};
};

std::string CopyOf(const std::string& run, const std::string& name) {
  const std::string copy = FreshFolder(name);
  std::filesystem::copy(run, copy, std::filesystem::copy_options::recursive);
  return copy;
}

TEST_F(TrainerTest, ExactModeEndsInTheSameBitsOnAnyNumberOfRanks) {
  for (const MetaOptions::Method method : kEveryMethod) {
    SCOPED_TRACE(TestNameOf(method));
    TrainerOptions options = SmallRun(FreshFolder("self"), 30);
    options.meta.method = method;
    const std::string alone = TrainAlone(options, dataset_);
    for (const int world_size : {1, 2, 3, 4}) {
      options.run_dir = FreshFolder("threads");
      EXPECT_EQ(TrainOnThreads(world_size, options, dataset_), alone) << world_size << " ranks";
    }
  }
}

TEST_F(TrainerTest, IdDropoutTakesPartInTraining) {
  std::vector<std::string> hashes;
  for (const double share : {0.0, 0.5, 0.5}) {
    TrainerOptions options = SmallRun(FreshFolder("dropout"), 6);
    options.model.id_dropout = share;
    SelfCommunicator self;
    Train(options, dataset_, self);
    hashes.push_back(ModelHash(options.run_dir, 6));
  }
  EXPECT_NE(hashes[0], hashes[1]);
  EXPECT_EQ(hashes[1], hashes[2]);
}

TEST_F(TrainerTest, RanksWithoutChunksTakePart) {
  TrainerOptions options = SmallRun(FreshFolder("self"), 5);
  options.tasks.per_step = 4;  // one chunk a step
  const std::string alone = TrainAlone(options, dataset_);
  options.run_dir = FreshFolder("threads");
  EXPECT_EQ(TrainOnThreads(3, options, dataset_), alone);
}

TEST_F(TrainerTest, FastModeInFloat64StaysWithinOneBillionth) {
  TrainerOptions options = SmallRun(FreshFolder("self"), 50);
  options.dist.reduce = ReduceMode::kFast;
  options.train.precision = TrainOptions::Precision::kFloat64;
  TrainAlone(options, dataset_);
  const CheckpointReader alone(CheckpointPath(options.run_dir, 50));
  for (const int world_size : {2, 3, 4}) {
    options.run_dir = FreshFolder("threads");
    TrainOnThreads(world_size, options, dataset_);
    const CheckpointReader together(CheckpointPath(options.run_dir, 50));
    for (const std::string& name : ModelArrayNames(alone)) {
      const std::vector<double> a = alone.Read<double>(name), b = together.Read<double>(name);
      for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-9) << name;
    }
  }
}

TEST_F(TrainerTest, FastModeIsNotExact) {  // so the exact test can fail
  TrainerOptions options = SmallRun(FreshFolder("self"), 50);
  options.dist.reduce = ReduceMode::kFast;
  const std::string alone = TrainAlone(options, dataset_);
  options.run_dir = FreshFolder("threads");
  EXPECT_NE(TrainOnThreads(3, options, dataset_), alone);
}

TEST_F(TrainerTest, ResumedRunEndsInTheBitsOfAnUnbrokenOne) {
  TrainerOptions options = SmallRun(FreshFolder("unbroken"), 24);
  options.eval.every_steps = 10;
  const std::string unbroken = TrainAlone(options, dataset_);
  const CheckpointReader last(CheckpointPath(options.run_dir, 24));
  ASSERT_GT(last.manifest().epoch, 0);  // so that some of the stops below are mid-epoch
  for (const int64_t stop_at : {1, 7, 10, 13, 23}) {  // an epoch has several steps
    TrainerOptions first = options;
    first.run_dir = FreshFolder("stopped");
    first.train.max_steps = stop_at;
    TrainOnThreads(2, first, dataset_);
    TrainerOptions second = options;
    second.run_dir = first.run_dir;
    SelfCommunicator self;
    RecordingObserver observer;
    const std::atomic<bool> stop = false;
    EXPECT_EQ(Train(second, dataset_, self, observer, stop), TrainOutcome::kDone);
    EXPECT_EQ(observer.resumed_from, stop_at);
    EXPECT_THAT(observer.losses, SizeIs(static_cast<size_t>(24 - stop_at)));
    EXPECT_EQ(ModelHash(second.run_dir, 24), unbroken) << "stopped at " << stop_at;
  }
}

TEST_F(TrainerTest, ResumedRunOfAClosedFormEndsInTheBitsOfAnUnbrokenOne) {
  // The methods that take no gradient steps but adapt.
  for (const auto method : {MetaOptions::Method::kRidge, MetaOptions::Method::kPrototypes}) {
    SCOPED_TRACE(TestNameOf(method));
    TrainerOptions options = SmallRun(FreshFolder("unbroken"), 24);
    options.meta.method = method;
    options.eval.every_steps = 10;
    const std::string unbroken = TrainAlone(options, dataset_);
    options.run_dir = FreshFolder("stopped");
    options.train.max_steps = 13;
    TrainOnThreads(3, options, dataset_);
    options.train.max_steps = 24;
    EXPECT_EQ(TrainOnThreads(2, options, dataset_), unbroken);
  }
}

TrainerOptions SmallRunOfClicks(const std::string& run_dir, int64_t max_steps) {
  TrainerOptions options = SmallRun(run_dir, max_steps);
  options.meta.loss = MetaOptions::Loss::kBce;
  options.tasks.negatives = 3;
  return options;
}

// Negatives of a pointwise loss are a function of (seed, epoch, task): neither the ranks nor a stop
// changes them.
TEST_F(TrainerTest, RowsOfNegativesAreExactOnAnyNumberOfRanksAndAfterAResume) {
  const Dataset clicks({.path = Clicks()});
  TrainerOptions options = SmallRunOfClicks(FreshFolder("unbroken"), 24);
  const std::string unbroken = TrainAlone(options, clicks);
  for (const int world_size : {1, 2, 3}) {
    options.run_dir = FreshFolder("threads");
    EXPECT_EQ(TrainOnThreads(world_size, options, clicks), unbroken) << world_size << " ranks";
  }
  options.run_dir = FreshFolder("stopped");
  options.train.max_steps = 7;
  TrainOnThreads(3, options, clicks);
  options.train.max_steps = 24;
  EXPECT_EQ(TrainOnThreads(2, options, clicks), unbroken);
}

TEST_F(TrainerTest, NumberAndDrawOfNegativeRowsTakePartInTraining) {
  const Dataset clicks({.path = Clicks()});
  std::set<std::string> hashes;
  for (const int64_t negatives : {0, 1, 3}) {
    TrainerOptions options = SmallRunOfClicks(FreshFolder("count"), 4);
    options.tasks.negatives = negatives;
    hashes.insert(TrainAlone(options, clicks));
  }
  TrainerOptions options = SmallRunOfClicks(FreshFolder("popular"), 4);
  options.tasks.negative_sampling = NegativeSampling::kPopularity;
  hashes.insert(TrainAlone(options, clicks));
  EXPECT_THAT(hashes, SizeIs(4));
}

TEST_F(TrainerTest, ScoresStartAtTheMeanLabelOfAllRows) {
  const Dataset clicks({.path = Clicks()});
  for (const int64_t negatives : {0, 3}) {
    TrainerOptions options = SmallRunOfClicks("unused", 1);
    options.tasks.negatives = negatives;
    const LearnerOfDataset on_data(clicks, options, at::TensorOptions().dtype(at::kDouble));
    EXPECT_EQ(on_data.learner.schema()->label_mean, 1.0);
    EXPECT_EQ(on_data.learner.schema()->RowLabelMean(), negatives == 0 ? 1.0 : 0.25);
    EXPECT_NEAR(on_data.learner.model().output_offset(),
                negatives == 0 ? std::log(99.0) : -std::log(3.0), 1e-12);
  }
}

TEST_F(TrainerTest, RatingsHaveNoPlaceForRowsOfLabelZero) {
  TrainerOptions options = SmallRun(FreshFolder("ratings"), 1);
  options.tasks.negatives = 2;
  SelfCommunicator self;
  EXPECT_THAT(MessageOf<ConfigError>([&] { Train(options, dataset_, self); }),
              AllOf(HasSubstr("tasks.negatives=2 adds rows of label 0"), HasSubstr("[1, 5]")));
}

TEST_F(TrainerTest, StopRequestCommitsTheStepAndIsAgreedByAllRanks) {
  TrainerOptions options = SmallRun(FreshFolder("run"), 24);
  const std::string unbroken = TrainAlone(options, dataset_);
  options.run_dir = FreshFolder("stopped");
  std::atomic<bool> stop = false;
  const std::atomic<bool> never = false;
  RunOnThreads(3, [&](Communicator& communicator) {
    RecordingObserver observer;
    const bool is_asked = communicator.rank() == 1;  // one rank alone gets the signal
    observer.on_step = [&](const StepReport& report) {
      if (is_asked && report.step == 9) stop = true;
    };
    EXPECT_EQ(Train(options, dataset_, communicator, observer, is_asked ? stop : never),
              TrainOutcome::kStopped);
    // Step 9 was agreed on when the request came; the next one carries it.
    EXPECT_THAT(observer.checkpoints, ElementsAre(0, 10));
  });
  EXPECT_EQ(TrainAlone(options, dataset_), unbroken);
}

TEST_F(TrainerTest, DamagedCheckpointIsRefusedLoudlyAndThePreviousOneUsed) {
  TrainerOptions options = SmallRun(FreshFolder("run"), 24);
  options.checkpoint.every_steps = 8;
  options.checkpoint.keep = 3;
  const std::string unbroken = TrainAlone(options, dataset_);
  const std::string run = options.run_dir;
  const std::vector<std::string> files = {"MANIFEST.json", PieceFileName(0, 1)};
  for (const std::string& file : files) {
    for (const bool truncate : {true, false}) {
      options.run_dir = CopyOf(run, "damaged");
      const std::string path = CheckpointPath(options.run_dir, 24) + "/" + file;
      const auto size = std::filesystem::file_size(path);
      if (truncate) {
        std::filesystem::resize_file(path, size / 2);
      } else {
        std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekg(static_cast<std::streamoff>(size / 2));
        const char flipped = static_cast<char>(stream.get() ^ 1);
        stream.seekp(static_cast<std::streamoff>(size / 2));
        stream.put(flipped);
      }
      SelfCommunicator self;
      RecordingObserver observer;
      const std::atomic<bool> stop = false;
      Train(options, dataset_, self, observer, stop);
      EXPECT_EQ(observer.resumed_from, 16) << file;
      ASSERT_THAT(observer.refused, SizeIs(1)) << file;
      EXPECT_THAT(observer.refused[0], HasSubstr(file));
      EXPECT_EQ(ModelHash(options.run_dir, 24), unbroken);
    }
  }
}

TEST_F(TrainerTest, OnlyDamagedCheckpointsIsAnErrorNotAFreshStart) {
  TrainerOptions options = SmallRun(FreshFolder("run"), 4);
  TrainAlone(options, dataset_);
  for (const int64_t step : {0, 4}) {
    std::filesystem::resize_file(CheckpointPath(options.run_dir, step) + "/" + PieceFileName(0, 1),
                                 100);
  }
  EXPECT_THROW(TrainAlone(options, dataset_), DataError);
}

TEST_F(TrainerTest, CheckpointOfOtherDataIsRefused) {
  TrainerOptions options = SmallRun(FreshFolder("run"), 2);
  TrainAlone(options, dataset_);
  SynthOptions other;
  other.output = FreshFolder("other-data");
  other.users = 120;
  other.items = 60;
  other.events_per_user = 14;
  other.seed = 2;
  Synthesize(other);
  const Dataset other_dataset({.path = other.output});
  options.train.max_steps = 3;
  EXPECT_THROW(TrainAlone(options, other_dataset), ConfigError);
}

TEST_F(TrainerTest, CheckpointOfAnotherModelIsRefused) {
  TrainerOptions options = SmallRun(FreshFolder("run"), 2);
  TrainAlone(options, dataset_);
  options.model.layers = {9};
  options.train.max_steps = 3;
  EXPECT_THROW(TrainAlone(options, dataset_), DataError);
}

TEST_F(TrainerTest, KeepsTheBestStepBesideTheNewest) {
  TrainerOptions options = SmallRun(FreshFolder("run"), 30);
  options.eval.every_steps = 5;
  options.checkpoint.keep = 1;
  options.optim.lr = 0.05;  // overshoots, so that the best step is not the last
  options.optim.table_lr = 0.05;
  SelfCommunicator self;
  RecordingObserver observer;
  const std::atomic<bool> stop = false;
  Train(options, dataset_, self, observer, stop);
  int64_t best_step = 0;
  double best = std::numeric_limits<double>::infinity();
  for (const ValidationResult& evaluation : observer.evaluations) {
    if (evaluation.value < best) {
      best = evaluation.value;
      best_step = evaluation.step;
    }
  }
  std::set<int64_t> expected = {best_step, 30};
  const std::vector<int64_t> kept = ListSteps(options.run_dir);
  EXPECT_EQ(std::set<int64_t>(kept.begin(), kept.end()), expected);
}

TEST_F(TrainerTest, StopsEarlyWhenTheMetricNoLongerImproves) {
  TrainerOptions options = SmallRun(FreshFolder("run"), 1000);
  options.eval.every_steps = 1;
  options.train.patience = 3;
  options.optim.lr = 0.2;  // diverges soon
  options.optim.table_lr = 0.2;
  SelfCommunicator self;
  EXPECT_EQ(Train(options, dataset_, self), TrainOutcome::kEarlyStopped);
}

TEST_F(TrainerTest, TrainingLowersTheLossAndAdaptationHelps) {
  TrainerOptions options = SmallRun(FreshFolder("run"), 150);
  options.eval.every_steps = 150;
  options.eval.max_tasks = 0;
  options.optim.lr = 3e-3;
  options.optim.table_lr = 3e-3;
  SelfCommunicator self;
  RecordingObserver observer;
  const std::atomic<bool> stop = false;
  Train(options, dataset_, self, observer, stop);
  const auto mean = [&](size_t begin, size_t end) {
    double sum = 0.0;
    for (size_t i = begin; i < end; ++i) sum += observer.losses[i];
    return sum / static_cast<double>(end - begin);
  };
  EXPECT_LT(mean(130, 150), 0.9 * mean(0, 20));
  ASSERT_THAT(observer.evaluations, SizeIs(2));  // of the start and of the end
  EXPECT_GT(observer.evaluations[1].loss_reduction(), 0.0);
}

TEST_F(TrainerTest, KeepsTheStartWhenTrainingMakesItWorse) {
  TrainerOptions options = SmallRun(FreshFolder("run"), 30);
  options.checkpoint.every_steps = 5;
  options.checkpoint.keep = 1;
  options.eval.every_steps = 10;
  options.optim.lr = 1.0;
  options.optim.table_lr = 1.0;
  SelfCommunicator self;
  RecordingObserver observer;
  const std::atomic<bool> stop = false;
  Train(options, dataset_, self, observer, stop);
  ASSERT_THAT(observer.evaluations, SizeIs(4));
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_GT(observer.evaluations[i].value, observer.evaluations[0].value);
  }
  std::vector<int64_t> steps;
  for (const CheckpointInfo& info : ListCheckpoints(options.run_dir)) steps.push_back(info.step);
  EXPECT_THAT(steps, ElementsAre(0, 30));
  EXPECT_NE(ModelHash(options.run_dir, 0), ModelHash(options.run_dir, 30));
}

TEST_F(TrainerTest, ValidationDoesNotDependOnTheNumberOfRanks) {
  const TrainerOptions options = SmallRun(FreshFolder("run"), 1);
  const auto validate = [&](Communicator& communicator) {
    const LearnerOfDataset on_data(dataset_, options, TensorOptionsFor(options.train, 0));
    MetaParameters parameters = on_data.learner.InitialParameters(TableOptimizer::kAdam, 1);
    return Evaluator(on_data.learner, on_data.data, dataset_, options.tasks, options.eval, 1,
                     communicator)
        .Validate(parameters);
  };
  SelfCommunicator self;
  const ValidationResult alone = validate(self);
  RunOnThreads(3, [&](Communicator& communicator) {
    const ValidationResult together = validate(communicator);
    EXPECT_EQ(together.value, alone.value);
    EXPECT_EQ(together.adapted_loss, alone.adapted_loss);
    EXPECT_EQ(together.task_count, alone.task_count);
  });
}

}  // namespace
}  // namespace hearth

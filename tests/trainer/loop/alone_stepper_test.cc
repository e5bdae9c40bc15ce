#include "trainer/loop/alone_stepper.h"

#include <array>
#include <atomic>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/counting_communicator.h"
#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "common/error.h"
#include "tests/trainer/support/small_state.h"
#include "tests/trainer/support/training.h"

namespace hearth {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::SizeIs;

// Moves each parameter by `change` in a step, and counts two tasks and one skipped one.
class FakeSteps : public Stepper {
 public:
  FakeSteps(at::Tensor& parameters, double change) : parameters_(parameters), change_(change) {}

  StepResult Step(const MetaBatch& meta_batch, const NextMetaBatch& next,
                  const StepRequests& requests) override {
    chunk_counts.push_back(meta_batch.global_chunk_count);
    EXPECT_EQ(next(), nullptr);
    EXPECT_FALSE(requests.stop || requests.save || requests.still_saving) << "told by the others";
    StepResult result;
    result.loss = change_;
    result.task_count = 2;
    result.skipped_task_count = 1;
    result.requests = {.stop = true, .save = true, .still_saving = true};  // not of all ranks
    result.skip_reason = skip_reason;
    if (skip_reason.empty()) parameters_ += change_;
    return result;
  }
  bool RanksAgreeAfter(int64_t) const override { return true; }
  const StepTimes& times() const override { return times_; }

  std::vector<int64_t> chunk_counts;  // of each step
  std::string skip_reason;

 private:
  at::Tensor& parameters_;
  double change_;
  StepTimes times_{.compute = 7.0};
};

// A rank whose own steps move its parameters, 1 in the beginning, by rank + 1.
struct AloneRank {
  AloneRank(const AloneStepper::Options& options, Communicator& inner) : communicator(inner) {
    auto steps = std::make_unique<FakeSteps>(small.state.parameters.dense, inner.rank() + 1.0);
    own = steps.get();
    stepper.emplace(options, std::move(steps), small.state.parameters, small.state.optimizer,
                    communicator);
  }
  // `chunk_count`: of this rank.
  StepResult Step(int64_t step, const StepRequests& requests = {}, int chunk_count = 3) {
    MetaBatch meta_batch;
    meta_batch.step = step;
    meta_batch.chunks.resize(chunk_count);
    meta_batch.global_chunk_count = 100;
    return stepper->Step(
        meta_batch, [] { return nullptr; }, requests);
  }
  std::vector<double> values() const { return small.values(); }

  CountingCommunicator communicator;
  SmallState small{1.0};
  FakeSteps* own = nullptr;
  std::optional<AloneStepper> stepper;
};

std::vector<int64_t> StepsOfAgreement(const AloneStepper::Options& options) {
  SelfCommunicator self;
  const AloneRank rank(options, self);
  std::vector<int64_t> steps;
  for (int64_t step = 1; step <= options.max_steps; ++step) {
    if (rank.stepper->RanksAgreeAfter(step)) steps.push_back(step);
  }
  return steps;
}

TEST(AloneStepper, RanksAgreeEveryFewStepsAndWhereARunDoesSomethingTogether) {
  EXPECT_THAT(StepsOfAgreement({.local_steps = 4, .max_steps = 10}), ElementsAre(4, 8, 10));
  EXPECT_THAT(StepsOfAgreement({.local_steps = 4,
                                .max_steps = 10,
                                .validate_every_steps = 3,
                                .save_every_steps = CheckpointOptions::kAutoInterval}),
              ElementsAre(3, 4, 6, 8, 9, 10));
  EXPECT_THAT(StepsOfAgreement({.local_steps = 100, .max_steps = 7, .save_every_steps = 5}),
              ElementsAre(5, 7));
}

TEST(AloneStepper, NobodyCommunicatesUntilTheRanksAgreeOnTheMean) {
  RunOnThreads(3, [](Communicator& communicator) {
    AloneRank rank({.local_steps = 2, .max_steps = 10}, communicator);
    const double change = communicator.rank() + 1.0;
    EXPECT_EQ(rank.Step(0).loss, change);
    EXPECT_EQ(rank.communicator.total().calls, 0);
    EXPECT_THAT(rank.values(), Each(1.0 + change));
    rank.Step(1);
    EXPECT_GT(rank.communicator.total().calls, 0);
    EXPECT_THAT(rank.values(), Each(5.0)) << "1 + mean(2, 4, 6)";
    rank.Step(2);
    EXPECT_THAT(rank.values(), Each(5.0 + change));
    EXPECT_THAT(rank.own->chunk_counts, ElementsAre(3, 3, 3)) << "of this rank";
    EXPECT_EQ(rank.small.state.optimizer.step_count(), 3);
    EXPECT_EQ(rank.stepper->times().compute, 7.0);
  });
}

TEST(AloneStepper, CountsAndRequestsArriveWhenRanksAgreeAndOnce) {
  RunOnThreads(3, [](Communicator& communicator) {
    AloneRank rank({.local_steps = 3, .max_steps = 100}, communicator);
    const StepRequests of_rank_1 = {
        .stop = communicator.rank() == 1, .save = false, .still_saving = communicator.rank() == 1};
    for (const int64_t step : {0, 1}) {
      const StepResult apart = rank.Step(step, of_rank_1);
      EXPECT_EQ(apart.task_count, 0);
      EXPECT_EQ(apart.skipped_task_count, 0);
      EXPECT_FALSE(apart.requests.stop || apart.requests.save || apart.requests.still_saving);
    }
    const StepResult together = rank.Step(2, of_rank_1);
    EXPECT_EQ(together.task_count, 3 * 3 * 2) << "three ranks, three steps";
    EXPECT_EQ(together.skipped_task_count, 3 * 3 * 1);
    EXPECT_TRUE(together.requests.stop);
    EXPECT_FALSE(together.requests.save);
    EXPECT_TRUE(together.requests.still_saving);
    rank.Step(3);
    rank.Step(4);
    const StepResult later = rank.Step(5);
    EXPECT_EQ(later.task_count, 3 * 3 * 2);
    EXPECT_FALSE(later.requests.stop || later.requests.save || later.requests.still_saving);
  });
}

TEST(AloneStepper, RankWithoutChunksTakesPart) {
  RunOnThreads(2, [](Communicator& communicator) {
    AloneRank rank({.local_steps = 1, .max_steps = 100}, communicator);
    const StepResult result = rank.Step(4, {}, communicator.is_root() ? 3 : 0);
    EXPECT_EQ(result.task_count, 2);
    EXPECT_THAT(rank.values(), Each(1.5)) << "mean(2, 1)";
    EXPECT_EQ(rank.small.state.optimizer.step_count(), 5);
    EXPECT_THAT(rank.own->chunk_counts, SizeIs(communicator.is_root() ? 1 : 0));
  });
}

TEST(AloneStepper, StepThatCannotBeTakenEndsTheRun) {
  SelfCommunicator self;
  AloneRank rank({.local_steps = 4, .max_steps = 10}, self);
  rank.own->skip_reason = "no task is finite";
  try {
    rank.Step(0);
    FAIL() << "was left out";
  } catch (const NumericError& error) {
    EXPECT_STREQ(error.what(), "no task is finite");
  }
}

TEST(AloneStepper, TrainsWithFewMeetingsAndResumes) {
  const Dataset dataset({.path = SmallDataset()});
  TrainerOptions options = SmallRun(FreshFolder("run"), 96);
  options.dist.local_steps = 16;
  options.optim.lr = 3e-3;
  options.optim.table_lr = 3e-3;
  RunOnThreads(3, [&](Communicator& communicator) {
    RecordingObserver observer;
    int64_t calls = 0;
    observer.on_step = [&](const StepReport& report) { calls += report.traffic.calls; };
    const std::atomic<bool> stop = false;
    Train(options, dataset, communicator, observer, stop);
    // The ranks exchange dense values, ids and values of seven tables, and counts.
    EXPECT_EQ(calls, 96 / 16 * (1 + 2 * 7 + 1));
    const auto mean = [&](size_t begin, size_t end) {
      double sum = 0.0;
      for (size_t i = begin; i < end; ++i) sum += observer.losses[i];
      return sum / static_cast<double>(end - begin);
    };
    EXPECT_LT(mean(80, 96), mean(0, 16));
  });
  options.train.max_steps = 100;
  RunOnThreads(2, [&](Communicator& communicator) {
    RecordingObserver observer;
    const std::atomic<bool> stop = false;
    Train(options, dataset, communicator, observer, stop);
    EXPECT_EQ(observer.resumed_from, 96);
  });
}

}  // namespace
}  // namespace hearth

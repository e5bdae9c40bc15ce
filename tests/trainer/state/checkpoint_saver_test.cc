#include "trainer/state/checkpoint_saver.h"

#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "storage/checkpoint/folder.h"
#include "storage/checkpoint/reader.h"
#include "tests/trainer/support/training.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kRowsOfARank = 1000;

CheckpointManifest ManifestOf(const Communicator& communicator, int64_t step) {
  CheckpointManifest manifest;
  manifest.run_id = "run";
  manifest.step = step;
  manifest.world_size = communicator.world_size();
  return manifest;
}

// A rank's slice of one array of all ranks. The rank may change its values.
struct Slice {
  explicit Slice(const Communicator& communicator)
      : begin(communicator.rank() * kRowsOfARank),
        total(communicator.world_size() * kRowsOfARank),
        values(kRowsOfARank) {
    std::iota(values.begin(), values.end(), static_cast<float>(begin));
  }
  std::vector<NamedArray> arrays() const {
    return {ArraySlice("values", {kRowsOfARank}, begin, total, values.data())};
  }
  int64_t begin, total;
  std::vector<float> values;
};

CheckpointSaver::Options OptionsOf(const std::string& run_dir, int64_t copy_bytes = 1 << 20) {
  CheckpointSaver::Options options;
  options.run_dir = run_dir;
  options.copy_bytes = copy_bytes;
  return options;
}

std::vector<float> SavedValues(const std::string& run_dir, int64_t step) {
  return CheckpointReader(CheckpointPath(run_dir, step)).Read<float>("values");
}

std::vector<float> Counting(int world_size) {
  std::vector<float> values(static_cast<size_t>(world_size * kRowsOfARank));
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

TEST(CheckpointSaver, CommitsWhatWasThereWhenTheSaveBegan) {
  const std::string run_dir = FreshFolder("run");
  RunOnThreads(3, [&](Communicator& communicator) {
    Slice slice(communicator);
    // The last rank has no room for a copy and writes at once.
    const int64_t copy_bytes = communicator.rank() == 2 ? 0 : 1 << 20;
    CheckpointSaver saver(OptionsOf(run_dir, copy_bytes), communicator);
    saver.Begin(CheckpointSaver::Kind::kWhole, ManifestOf(communicator, 7), slice.arrays(), {});
    EXPECT_TRUE(saver.in_flight());
    std::ranges::fill(slice.values, -1.0f);
    const SaveOutcome outcome = saver.Finish();
    EXPECT_FALSE(saver.in_flight());
    EXPECT_FALSE(outcome.failure.has_value());
    EXPECT_EQ(outcome.step, 7);
    EXPECT_EQ(outcome.path, CheckpointPath(run_dir, 7));
    EXPECT_GT(outcome.size_bytes, 3 * kRowsOfARank * 4);
  });
  EXPECT_EQ(SavedValues(run_dir, 7), Counting(3));
}

TEST(CheckpointSaver, NothingIsVisibleBeforeAllRanksHaveWritten) {
  const std::string run_dir = FreshFolder("run");
  RunOnThreads(2, [&](Communicator& communicator) {
    const Slice slice(communicator);
    CheckpointSaver saver(OptionsOf(run_dir), communicator);
    saver.Begin(CheckpointSaver::Kind::kWhole, ManifestOf(communicator, 1), slice.arrays(), {});
    EXPECT_FALSE(saver.Advance().has_value()) << "the folder is there, the ranks write";
    EXPECT_THAT(ListSteps(run_dir), IsEmpty());
    communicator.Barrier();
    EXPECT_FALSE(saver.Advance().has_value()) << "parts were gathered, the commit goes on";
    const auto outcome = saver.Advance();
    ASSERT_TRUE(outcome.has_value());
    EXPECT_THAT(ListSteps(run_dir), ElementsAre(1));
  });
}

TEST(CheckpointSaver, FailureOfOneRankIsTheSameOnAllAndLeavesNothing) {
  const std::string run_dir = FreshFolder("run");
  RunOnThreads(3, [&](Communicator& communicator) {
    Slice slice(communicator);
    CheckpointSaver saver(OptionsOf(run_dir), communicator);
    if (communicator.rank() == 1) slice.values[5] = std::numeric_limits<float>::infinity();
    saver.Begin(CheckpointSaver::Kind::kWhole, ManifestOf(communicator, 3), slice.arrays(), {});
    const SaveOutcome refused = saver.Finish();
    ASSERT_TRUE(refused.failure.has_value());
    EXPECT_EQ(refused.failure->code, ExitCode::kNumeric);
    EXPECT_THAT(refused.failure->message, HasSubstr("rank 1: "));
    communicator.Barrier();
    EXPECT_TRUE(std::filesystem::is_empty(CheckpointsFolder(run_dir)));
    communicator.Barrier();
    slice = Slice(communicator);
    saver.Begin(CheckpointSaver::Kind::kWhole, ManifestOf(communicator, 3), slice.arrays(), {});
    EXPECT_FALSE(saver.Finish().failure.has_value()) << "the next one is whole";
  });
  EXPECT_EQ(SavedValues(run_dir, 3), Counting(3));
}

TEST(CheckpointSaver, FolderThatCannotBeMadeIsAFailureOfAllRanks) {
  const std::string run_dir = FreshFolder("run") + "/missing";
  RunOnThreads(2, [&](Communicator& communicator) {
    const Slice slice(communicator);
    CheckpointSaver saver(OptionsOf(run_dir), communicator);
    saver.Begin(CheckpointSaver::Kind::kWhole, ManifestOf(communicator, 3), slice.arrays(), {});
    const SaveOutcome outcome = saver.Finish();
    ASSERT_TRUE(outcome.failure.has_value());
    EXPECT_EQ(outcome.failure->code, ExitCode::kStorage);
  });
}

TEST(CheckpointSaver, CommitsNothingOnceTheRunFolderIsLost) {
  const std::string run_dir = FreshFolder("run");
  RunOnThreads(2, [&](Communicator& communicator) {
    const Slice slice(communicator);
    CheckpointSaver::Options options = OptionsOf(run_dir);
    options.require_run_dir = [] { throw CommError("taken over"); };
    CheckpointSaver saver(options, communicator);
    saver.Begin(CheckpointSaver::Kind::kWhole, ManifestOf(communicator, 3), slice.arrays(), {});
    const SaveOutcome outcome = saver.Finish();
    ASSERT_TRUE(outcome.failure.has_value());
    EXPECT_EQ(outcome.failure->code, ExitCode::kComm);
  });
  EXPECT_THAT(ListSteps(run_dir), IsEmpty());
}

TEST(CheckpointSaver, PrunesButKeepsPinnedSteps) {
  const std::string run_dir = FreshFolder("run");
  SelfCommunicator self;
  const Slice slice(self);
  CheckpointSaver saver(OptionsOf(run_dir), self);
  for (const int64_t step : {1, 2, 3, 4}) {
    saver.Begin(CheckpointSaver::Kind::kWhole, ManifestOf(self, step), slice.arrays(), {1});
    EXPECT_FALSE(saver.Finish().failure.has_value());
  }
  EXPECT_THAT(ListSteps(run_dir), ElementsAre(1, 3, 4));
}

TEST(BestSaveInterval, GrowsWithTheRootOfCostAndTimeBetweenFailures) {
  EXPECT_DOUBLE_EQ(BestSaveInterval(5.0, 36000.0), 600.0);
  EXPECT_DOUBLE_EQ(BestSaveInterval(0.001, 86400.0), 60.0) << "at least a minute";
}

}  // namespace
}  // namespace hearth

#include "storage/checkpoint/writer.h"

#include <csignal>
#include <filesystem>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/storage/checkpoint/checkpoint_fixture.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CheckpointWriter : public CheckpointFixture {};

TEST_F(CheckpointWriter, CommitsUnderTheNameOfTheStepAndLeavesNothingAside) {
  const std::string path = Save(123, 2);
  EXPECT_EQ(path, run_dir_ + "/checkpoints/step-000123");
  EXPECT_THAT(NamesIn(run_dir_ + "/checkpoints"), ElementsAre("LATEST", "step-000123"));
  EXPECT_THAT(NamesIn(path),
              ElementsAre("MANIFEST.json", "part-00000-of-00002.h5", "part-00001-of-00002.h5"));
  EXPECT_EQ(Slurp(run_dir_ + "/checkpoints/LATEST"), "step-000123\n");
}

TEST_F(CheckpointWriter, WritesFilesThatOnlyTheirOwnerMayRead) {
  const std::string path = Save(1);
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
  for (const std::string& name : NamesIn(path)) {
    EXPECT_EQ(fs::status(path + "/" + name).permissions() & fs::perms::mask,
              fs::perms::owner_read | fs::perms::owner_write)
        << name;
  }
}

TEST_F(CheckpointWriter, WritesTheSameBytesForTheSameState) {
  const std::string first = Slurp(Save(5, 1) + "/part-00000-of-00001.h5");
  fs::remove_all(run_dir_ + "/checkpoints");
  EXPECT_EQ(first, Slurp(Save(5, 1) + "/part-00000-of-00001.h5"));
}

TEST_F(CheckpointWriter, RefusesNonFiniteValuesNamingArrayAndRow) {
  const std::string folder = PrepareCheckpoint(run_dir_, 4, run_id_);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> values(12, 1.0f);
    values[7] = bad;
    const std::vector<NamedArray> arrays = {
        ArraySlice("tables/users/rows", {4, 3}, 10, 20, values.data())};
    try {
      WriteCheckpointPiece(folder, {run_id_, 4, 0, 1}, arrays);
      ADD_FAILURE() << "accepted " << bad;
    } catch (const NumericError& error) {
      EXPECT_THAT(error.what(), HasSubstr("'tables/users/rows' is not finite in row 12"));
    }
  }
  EXPECT_THAT(NamesIn(folder), IsEmpty());
}

TEST_F(CheckpointWriter, RefusesNonFiniteMetricsAndScalars) {
  auto [folder, manifest] = WriteAside(4);
  manifest.scalars["nested"] = {{"loss", std::numeric_limits<double>::infinity()}};
  EXPECT_THAT(MessageOf([&] { CommitCheckpoint(run_dir_, folder, manifest); }),
              HasSubstr("scalars/nested/loss"));
  manifest.scalars.erase("nested");
  manifest.metric->value = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(MessageOf([&] { CommitCheckpoint(run_dir_, folder, manifest); }),
              HasSubstr("metric/rmse"));
  EXPECT_EQ(Newest(), std::nullopt);
}

TEST_F(CheckpointWriter, CrashAfterAnySubStepLeavesThePreviousCheckpointLoadable) {
  const std::string previous = Save(10);
  // The save stops after 0: prepare, 1 and 2: a piece each, 3: the manifest under its temporary
  // name, 4: the manifest. The next step would be the rename.
  for (int stop_after = 0; stop_after <= 4; ++stop_after) {
    SCOPED_TRACE(stop_after);
    const std::string folder = PrepareCheckpoint(run_dir_, 20, run_id_);
    std::vector<CheckpointPiece> pieces;
    for (int rank = 0; rank < std::min(stop_after, 2); ++rank) {
      pieces.push_back(WritePiece(folder, 20, rank, 2));
    }
    if (stop_after >= 3) {
      const std::string text = SerializeManifest(ManifestAt(20, pieces));
      Overwrite(folder + "/MANIFEST.json" + (stop_after == 3 ? ".tmp-77-0" : ""), text);
    }
    EXPECT_EQ(Newest(), previous);
    EXPECT_THAT(refused_, IsEmpty());
  }
  EXPECT_EQ(Save(20), run_dir_ + "/checkpoints/step-000020");
  EXPECT_THAT(NamesIn(run_dir_ + "/checkpoints"),
              ElementsAre("LATEST", "step-000010", "step-000020"));
}

/// While an object of this class lives, no file of this process can grow beyond a size, like on a
/// small full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t size_bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    previous_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{size_bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, previous_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*previous_)(int) = nullptr;
};

TEST_F(CheckpointWriter, FullDiskAtAnySizeFailsTheSaveAndKeepsThePreviousCheckpoint) {
  const std::string previous = Save(10, 1);
  const auto part_size = fs::file_size(previous + "/part-00000-of-00001.h5");
  for (uintmax_t limit = 0; limit < part_size; limit += part_size / 16) {
    SCOPED_TRACE(limit);
    const std::string folder = PrepareCheckpoint(run_dir_, 20, run_id_);
    {
      const FileSizeLimit full_disk(limit);
      EXPECT_THROW(WritePiece(folder, 20, 0, 1), StorageError);
    }
    EXPECT_THAT(NamesIn(folder), IsEmpty());
    AbandonCheckpoint(folder);
  }
  EXPECT_EQ(Newest(), previous);
  EXPECT_EQ(Save(20, 1), run_dir_ + "/checkpoints/step-000020");
}

TEST_F(CheckpointWriter, FullDiskAtTheManifestCommitsNothing) {
  const auto [folder, manifest] = WriteAside(20);
  {
    const FileSizeLimit full_disk(100);
    EXPECT_THROW(CommitCheckpoint(run_dir_, folder, manifest), StorageError);
  }
  EXPECT_EQ(Newest(), std::nullopt);
}

TEST_F(CheckpointWriter, AbandonRemovesTheUnfinishedFolder) {
  const auto [folder, manifest] = WriteAside(3);
  AbandonCheckpoint(folder);
  EXPECT_THAT(NamesIn(run_dir_ + "/checkpoints"), IsEmpty());
  AbandonCheckpoint(folder);  // a second call does nothing and throws nothing
}

TEST_F(CheckpointWriter, NextSaveRemovesLeftoversOfThisStartAndEarlierOnes) {
  const std::string folder = run_dir_ + "/checkpoints";
  PrepareCheckpoint(run_dir_, 1, run_id_, 2);
  PrepareCheckpoint(run_dir_, 1, run_id_, 4);
  fs::create_directories(folder + "/step-000001.tmp-other-3");
  fs::create_directories(folder + "/step-000001.tmp-other-run");
  fs::create_directories(folder + "/notes.tmp-run-1-3");
  fs::create_directories(folder + "/step-000002.tmp-run-1-3");
  Overwrite(folder + "/step-000002.tmp-run-1-3/thesis.txt", "precious");
  Overwrite(folder + "/step-000002.tmp-run-1-3/MANIFEST.json", "{");
  RemoveLeftovers(run_dir_, 3);
  EXPECT_THAT(NamesIn(folder), ElementsAre("notes.tmp-run-1-3", "step-000001.tmp-other-run",
                                           "step-000001.tmp-run-1-4", "step-000002.tmp-run-1-3"));
  EXPECT_THAT(NamesIn(folder + "/step-000002.tmp-run-1-3"), ElementsAre("thesis.txt"));
}

TEST_F(CheckpointWriter, WhatALaterStartTookAwayCannotBeCommitted) {
  const std::string folder = PrepareCheckpoint(run_dir_, 10, run_id_, 1);
  const float value = 1.0f;
  const std::vector<NamedArray> arrays = {WholeArray("parameters/adapted", {1}, &value)};
  const CheckpointManifest manifest =
      ManifestAt(10, {WriteCheckpointPiece(folder, {run_id_, 10, 0, 1}, arrays)});
  RemoveLeftovers(run_dir_, 2);
  EXPECT_THROW(CommitCheckpoint(run_dir_, folder, manifest), StorageError);
  EXPECT_THAT(NamesIn(run_dir_ + "/checkpoints"), IsEmpty());
}

TEST_F(CheckpointWriter, ForeignFilesInTheWayOfASaveAreRefusedNotRemoved) {
  const std::string folder = run_dir_ + "/checkpoints/step-000002.tmp-run-1-0";
  fs::create_directories(folder);
  Overwrite(folder + "/thesis.txt", "precious");
  EXPECT_THAT(MessageOf([&] { PrepareCheckpoint(run_dir_, 2, run_id_); }), HasSubstr("in the way"));
  EXPECT_EQ(Slurp(folder + "/thesis.txt"), "precious");
}

TEST_F(CheckpointWriter, RemovalDoesNotFollowLinks) {
  const std::string canary = run_dir_ + "/canary.h5";
  Overwrite(canary, "alive");
  const std::string folder = PrepareCheckpoint(run_dir_, 2, run_id_);
  fs::create_symlink(canary, folder + "/part-00000-of-00001.h5");
  fs::create_directories(run_dir_ + "/elsewhere");
  Overwrite(run_dir_ + "/elsewhere/MANIFEST.json", "alive");
  fs::create_directory_symlink(run_dir_ + "/elsewhere",
                               run_dir_ + "/checkpoints/step-000009.tmp-run-1-0");
  Save(3);
  EXPECT_EQ(Slurp(canary), "alive");
  EXPECT_EQ(Slurp(run_dir_ + "/elsewhere/MANIFEST.json"), "alive");
}

TEST_F(CheckpointWriter, SavingACommittedStepAgainWithEqualArraysKeepsTheOldOne) {
  const std::string path = Save(10, 2);
  const std::string manifest = Slurp(path + "/MANIFEST.json");
  EXPECT_EQ(Save(10, 3), path);  // the same state, written by another number of ranks
  EXPECT_EQ(Slurp(path + "/MANIFEST.json"), manifest);
  EXPECT_THAT(NamesIn(run_dir_ + "/checkpoints"), ElementsAre("LATEST", "step-000010"));
}

TEST_F(CheckpointWriter, ACommittedStepIsNeverReplacedByOtherContent) {
  const std::string path = Save(10);
  const std::string manifest = Slurp(path + "/MANIFEST.json");
  const std::string folder = PrepareCheckpoint(run_dir_, 10, run_id_);
  const float other = 1.0f;
  const std::vector<NamedArray> arrays = {WholeArray("parameters/adapted", {1}, &other)};
  const CheckpointManifest other_manifest =
      ManifestAt(10, {WriteCheckpointPiece(folder, {run_id_, 10, 0, 1}, arrays)});
  EXPECT_THAT(MessageOf([&] { CommitCheckpoint(run_dir_, folder, other_manifest); }),
              HasSubstr("committed already with other content"));
  EXPECT_EQ(Slurp(path + "/MANIFEST.json"), manifest);
}

TEST_F(CheckpointWriter, DamagedCheckpointInTheWayIsMovedAsideAndKept) {
  const std::string path = Save(10);
  Overwrite(path + "/part-00001-of-00002.h5", "torn");
  EXPECT_EQ(Save(10), path);
  VerifyCheckpoint(path);
  EXPECT_EQ(Slurp(path + ".damaged-1/part-00001-of-00002.h5"), "torn");
}

TEST_F(CheckpointWriter, EmptyFolderOfTheStepsNameIsNotTakenForACheckpoint) {
  fs::create_directories(run_dir_ + "/checkpoints/step-000010");
  EXPECT_EQ(Save(10), run_dir_ + "/checkpoints/step-000010");
  VerifyCheckpoint(run_dir_ + "/checkpoints/step-000010");
}

TEST_F(CheckpointWriter, RefusesToCommitWhatCouldNotBeReadBack) {
  {
    auto [folder, manifest] = WriteAside(1, 3);
    fs::remove(folder + "/part-00002-of-00003.h5");
    EXPECT_THAT(MessageOf([&] { CommitCheckpoint(run_dir_, folder, manifest); }),
                HasSubstr("part-00002-of-00003.h5' is missing"));
  }
  {
    auto [folder, manifest] = WriteAside(2, 3);
    manifest.pieces.pop_back();
    EXPECT_THAT(MessageOf([&] { CommitCheckpoint(run_dir_, folder, manifest); }),
                HasSubstr("written by 3 ranks but lists 2 parts"));
    manifest.world_size = 2;
    EXPECT_NE(MessageOf([&] { CommitCheckpoint(run_dir_, folder, manifest); }), "");
  }
  EXPECT_EQ(Newest(), std::nullopt);
}

TEST_F(CheckpointWriter, SlicesThatLeaveAGapOrOverlapAreRefusedAtCommit) {
  const std::vector<float> values(10, 1.0f);
  const auto commit = [&](int64_t first_rows, int64_t second_begin) {
    const std::string folder = PrepareCheckpoint(run_dir_, 1, run_id_);
    const std::vector<NamedArray> first = {ArraySlice("a", {first_rows}, 0, 10, values.data())};
    const std::vector<NamedArray> second = {
        ArraySlice("a", {10 - second_begin}, second_begin, 10, values.data())};
    CommitCheckpoint(run_dir_, folder,
                     ManifestAt(1, {WriteCheckpointPiece(folder, {run_id_, 1, 0, 2}, first),
                                    WriteCheckpointPiece(folder, {run_id_, 1, 1, 2}, second)}));
  };
  EXPECT_THAT(MessageOf([&] { commit(4, 6); }), HasSubstr("rows 4..6 of 'a' are in no part"));
  EXPECT_THAT(MessageOf([&] { commit(6, 4); }), HasSubstr("rows 4..6 of 'a' are in two parts"));
  EXPECT_EQ(MessageOf([&] { commit(5, 5); }), "");
}

TEST_F(CheckpointWriter, MissingRunFolderIsAStorageError) {
  EXPECT_THROW(PrepareCheckpoint(run_dir_ + "/none", 1, run_id_), StorageError);
}

}  // namespace
}  // namespace hearth

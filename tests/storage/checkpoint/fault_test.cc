#include <cerrno>
#include <set>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "tests/storage/checkpoint/fault_fixture.h"

namespace hearth {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CheckpointFaults : public CheckpointFaultFixture {
 protected:
  /// Reads the whole newest checkpoint, like a run that starts again.
  std::string ReadNewest(Author author = Author::kUnknown) {
    const std::optional<std::string> path = CheckpointFixture::Newest(author);
    if (!path) return "";
    const CheckpointReader reader(*path, author);
    return fmt::format("{} {}", reader.manifest().step, ContentHash(reader));
  }
};

TEST_F(CheckpointFaults, EachCallOfASaveFailsOnce) {
  for (const FileCall call : kAllFileCalls) {
    EXPECT_THAT(FindingsOfEveryFailure({.call = call}), IsEmpty());
  }
  EXPECT_GT(failures_tried_, 60);
}

TEST_F(CheckpointFaults, EachCallOfASaveFailsForWantOfSpaceOrOfDescriptors) {
  for (const FileCall call : {FileCall::kAppend, FileCall::kWrite, FileCall::kMakeFolder}) {
    EXPECT_THAT(FindingsOfEveryFailure({.call = call, .error = ENOSPC}), IsEmpty());
  }
  for (const FileCall call : {FileCall::kSync, FileCall::kClose}) {
    EXPECT_THAT(FindingsOfEveryFailure({.call = call, .error = EDQUOT}), IsEmpty());
  }
  EXPECT_THAT(FindingsOfEveryFailure({.call = FileCall::kOpen, .error = EMFILE}), IsEmpty());
}

TEST_F(CheckpointFaults, StorageFailsAtEachCallOfASaveAndStaysAway) {
  EXPECT_THAT(FindingsOfEveryFailure({.ever_after = true}), IsEmpty());
}

TEST_F(CheckpointFaults, EachCallIsMadeButItsReplyLost) {
  for (const FileCall call : {FileCall::kRename, FileCall::kMakeFolder, FileCall::kRemoveFile,
                              FileCall::kRemoveFolder, FileCall::kSync, FileCall::kClose}) {
    EXPECT_THAT(FindingsOfEveryFailure({.call = call, .error = ETIMEDOUT, .made = true}),
                IsEmpty());
  }
}

TEST_F(CheckpointFaults, ARenameThatHappenedThoughItsReplyWasLostIsACommit) {
  for (const int error : {ENOENT, EEXIST, ETIMEDOUT}) {
    StartOver();
    const auto [folder, manifest] = WriteAside(30);
    // A commit renames the manifest, the folder and LATEST.
    FailingFileSystem lost(fast_,
                           {.call = FileCall::kRename, .nth = 1, .error = error, .made = true});
    const ScopedFileSystem scope(lost);
    EXPECT_EQ(CommitCheckpoint(run_dir_, folder, manifest), CheckpointPath(run_dir_, 30));
    EXPECT_TRUE(lost.failed());
  }
}

TEST_F(CheckpointFaults, SignalsAndShortTransfersChangeNothing) {
  for (const FileCall call :
       {FileCall::kOpen, FileCall::kRead, FileCall::kAppend, FileCall::kWrite, FileCall::kSync}) {
    for (int64_t nth = 0;; ++nth) {
      StartOver();
      FailingFileSystem interrupted(fast_, {.call = call, .nth = nth, .error = EINTR});
      const ScopedFileSystem scope(interrupted);
      EXPECT_NO_THROW(SaveAndPrune(30)) << NameOf(call) << " " << nth;
      if (!interrupted.failed()) break;
    }
  }
  StartOver();
  ShortFileSystem few_bytes(fast_, 7);
  EXPECT_THAT(FindingsOfSaveOn(few_bytes, CheckpointFaultFixture::Newest), IsEmpty());
}

TEST_F(CheckpointFaults, EachCallOfAResumeFails) {
  const std::string newest = ReadNewest();
  ASSERT_THAT(newest, HasSubstr("20 "));
  for (const bool ever_after : {false, true}) {
    for (const FileCall call : kAllFileCalls) {
      for (int64_t nth = 0;; ++nth) {
        SCOPED_TRACE(fmt::format("{} call {}, ever after: {}", NameOf(call), nth, ever_after));
        const int64_t descriptors = OpenDescriptors();
        FailingFileSystem failing(
            fast_, {.call = call, .nth = nth, .error = EIO, .ever_after = ever_after});
        {
          const ScopedFileSystem scope(failing);
          try {
            const std::string found = ReadNewest();
            // The run finds the newest, or the checkpoint before together with a reason.
            if (found != newest) {
              EXPECT_THAT(found, HasSubstr("10 "));
              EXPECT_THAT(refused_, ::testing::SizeIs(1));
            }
          } catch (const StorageError&) {
          } catch (const DataError& error) {
            EXPECT_THAT(error.what(), HasSubstr("none of the 2 checkpoints"));
          }
        }
        EXPECT_EQ(OpenDescriptors(), descriptors);
        EXPECT_EQ(ReadNewest(Author::kThisJob), newest);
        if (!failing.failed()) break;
      }
    }
  }
}

TEST_F(CheckpointFaults, ACommittedStepThatCannotBeReadNowIsNotSetAside) {
  const std::string committed = CheckpointPath(run_dir_, 20);
  for (int64_t nth = 0;; ++nth) {
    StartOver();
    FailingFileSystem failing(fast_, {.call = FileCall::kRead, .nth = nth, .ever_after = true});
    const auto [folder, manifest] = WriteAside(20);
    {
      const ScopedFileSystem scope(failing);
      try {
        EXPECT_EQ(CommitCheckpoint(run_dir_, folder, manifest), committed);
      } catch (const StorageError&) {
        AbandonCheckpoint(folder);
      }
    }
    EXPECT_THAT(NamesIn(run_dir_ + "/checkpoints"),
                ::testing::ElementsAre("LATEST", "step-000010", "step-000020"));
    VerifyCheckpoint(committed);
    if (!failing.failed()) break;
  }
}

TEST_F(CheckpointFaults, ALeftoverThatCannotBeTakenAwayIsAnErrorOfStorage) {
  PrepareCheckpoint(run_dir_, 30, run_id_, 1);
  FailingFileSystem failing(fast_, {.call = FileCall::kRename, .nth = 0});
  const ScopedFileSystem scope(failing);
  EXPECT_THROW(RemoveLeftovers(run_dir_, 2), StorageError);
}

TEST_F(CheckpointFaults, AFullDiskAtEvery256BytesOfASaveKeepsTheOldCheckpoint) {
  int64_t failed = 0;
  for (int64_t room_bytes = 0;; room_bytes += 256) {
    FullFileSystem full(fast_, room_bytes, false);
    EXPECT_THAT(FindingsOfSaveOn(full, CheckpointFaultFixture::Newest), IsEmpty()) << room_bytes;
    FullFileSystem again(fast_, room_bytes, false);
    StartOver();
    const ScopedFileSystem scope(again);
    try {
      SaveAndPrune(30);
      // The hint for people may be missing, and nothing else.
      if (Slurp(run_dir_ + "/checkpoints/LATEST") == "step-000030\n") break;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kStorage);
      ++failed;
    }
    ASSERT_LT(room_bytes, 1 << 20);
  }
  EXPECT_GT(failed, 10);
}

/// The pieces are so large that they are written past the page cache.
class LargeCheckpointFaults : public CheckpointFaults {
 protected:
  static constexpr int64_t kLargeRows = 30'000;

  std::vector<CheckpointPiece> WriteLargePieces(const std::string& folder, int64_t step) {
    std::vector<CheckpointPiece> pieces;
    for (int rank = 0; rank < 2; ++rank) {
      const std::vector<NamedArray> arrays = {ArraySlice(
          "tables/items/rows", {kLargeRows, 2}, rank * kLargeRows, 2 * kLargeRows, values_.data())};
      pieces.push_back(WriteCheckpointPiece(folder, {run_id_, step, rank, 2}, arrays));
    }
    return pieces;
  }
  void SaveLarge(int64_t step) {
    const std::string folder = PrepareCheckpoint(run_dir_, step, run_id_);
    try {
      std::vector<CheckpointPiece> pieces = WriteLargePieces(folder, step);
      CommitCheckpoint(run_dir_, folder, ManifestAt(step, std::move(pieces)));
    } catch (...) {
      AbandonCheckpoint(folder);
      throw;
    }
  }

  std::vector<float> values_ = std::vector<float>(2 * kLargeRows, 0.5f);
};

TEST_F(LargeCheckpointFaults, AFullDiskAtEvery4KiBOfASaveKeepsTheOldCheckpoint) {
  const std::string newest = ReadNewest();
  int64_t failed = 0;
  for (int64_t room_bytes = 0;; room_bytes += 4096) {
    FullFileSystem full(fast_, room_bytes, false);
    const ScopedFileSystem scope(full);
    try {
      SaveLarge(30);
      break;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kStorage);
      ++failed;
    }
    ASSERT_EQ(ReadNewest(Author::kThisJob), newest) << room_bytes;
    ASSERT_THAT(NamesIn(run_dir_ + "/checkpoints"),
                ::testing::ElementsAre("LATEST", "step-000010", "step-000020"));
  }
  EXPECT_GT(failed, 2 * kLargeRows * 8 / 4096);
  EXPECT_EQ(VerifyCheckpoint(CheckpointPath(run_dir_, 30)).step, 30);
}

TEST_F(LargeCheckpointFaults, TooLittleFreeSpaceIsSaidBeforeAnythingIsWritten) {
  FullFileSystem full(fast_, 200'000, true);
  const ScopedFileSystem scope(full);
  EXPECT_THAT(MessageOf([&] { SaveLarge(30); }), HasSubstr("200000 are free: make room"));
  int64_t free_bytes = 0;
  full.FreeBytes(run_dir_, &free_bytes);
  EXPECT_EQ(free_bytes, 200'000);
}

TEST_F(LargeCheckpointFaults, WithoutDirectWritesTheBytesAreTheSame) {
  SaveLarge(30);
  const std::string direct = Slurp(CheckpointPath(run_dir_, 30) + "/part-00001-of-00002.h5");
  /// Refuses to open for direct writes, or takes the flag and then refuses the writes.
  class NoDirectWrites : public FileSystemDecorator {
   public:
    NoDirectWrites(FileSystem& inner, bool at_open)
        : FileSystemDecorator(inner), at_open_(at_open) {}
    int Open(const std::string& path, int flags, mode_t permissions) override {
      const bool direct = (flags & O_DIRECT) != 0;
      if (direct && at_open_) return -EINVAL;
      const int fd = inner_.Open(path, flags & ~O_DIRECT, permissions);
      if (direct) direct_ = fd;
      return fd;
    }
    int64_t Write(int fd, const void* data, int64_t size_bytes, int64_t offset) override {
      if (fd == direct_) return -EINVAL;
      return inner_.Write(fd, data, size_bytes, offset);
    }
    int Close(int fd) override {
      if (fd == direct_) direct_ = -1;
      return inner_.Close(fd);
    }

   private:
    bool at_open_;
    int direct_ = -1;
  };
  for (const bool at_open : {true, false}) {
    StartOver();
    NoDirectWrites files(fast_, at_open);
    const ScopedFileSystem scope(files);
    SaveLarge(30);
    EXPECT_TRUE(Slurp(CheckpointPath(run_dir_, 30) + "/part-00001-of-00002.h5") == direct);
  }
}

TEST_F(LargeCheckpointFaults, EachWriteFailsOnce) {
  const std::string newest = ReadNewest();
  for (const FileCall call : {FileCall::kOpen, FileCall::kClose, FileCall::kWrite}) {
    for (int64_t nth = 0;; ++nth) {
      StartOver();
      const int64_t descriptors = OpenDescriptors();
      FailingFileSystem failing(fast_, {.call = call, .nth = nth});
      {
        const ScopedFileSystem scope(failing);
        try {
          SaveLarge(30);
        } catch (const StorageError&) {
          EXPECT_TRUE(failing.failed());
        }
      }
      EXPECT_EQ(OpenDescriptors(), descriptors);
      EXPECT_TRUE(CheckpointFixture::Newest(Author::kThisJob).has_value());
      EXPECT_THAT(refused_, IsEmpty());
      if (!failing.failed()) break;
    }
  }
}

TEST_F(CheckpointFaults, StaleAttributesOfOtherHostsFilesDoNotHinderACommit) {
  StaleFileSystem stale(fast_);
  const ScopedFileSystem scope(stale);
  const std::string folder = PrepareCheckpoint(run_dir_, 30, run_id_);
  std::vector<CheckpointPiece> pieces;
  for (int rank = 0; rank < 2; ++rank) {
    // Rank 0 asked for the names before the other host made the files.
    EXPECT_FALSE(PathExists(folder + "/" + PieceFileName(rank, 2)));
    pieces.push_back(WritePiece(folder, 30, rank, 2));
    EXPECT_FALSE(PathExists(folder + "/" + PieceFileName(rank, 2)));
  }
  const std::string path = CommitCheckpoint(run_dir_, folder, ManifestAt(30, std::move(pieces)));
  EXPECT_EQ(VerifyCheckpoint(path).step, 30);
}

TEST_F(CheckpointFaults, LeftoversOfAnotherUserDoNotHinderASave) {
  WriteAside(30);
  FailingFileSystem not_ours(
      fast_, {.call = FileCall::kRemoveFile, .nth = 0, .error = EACCES, .ever_after = true});
  const ScopedFileSystem scope(not_ours);
  RemoveLeftovers(run_dir_, 0);
  EXPECT_TRUE(not_ours.failed());
  const auto [folder, manifest] = WriteAside(40);
  EXPECT_EQ(CommitCheckpoint(run_dir_, folder, manifest), CheckpointPath(run_dir_, 40));
}

TEST_F(CheckpointFaults, ASyncThatFailedIsNeverAskedForAgain) {
  /// Fails the first sync of each file, and counts those that come after a failed one.
  class FailsFirstSync : public FileSystemDecorator {
   public:
    using FileSystemDecorator::FileSystemDecorator;
    int Sync(int fd) override {
      struct stat status {};
      inner_.StatusOf(fd, &status);
      if (!failed_.insert(status.st_ino).second) ++asked_again;
      return -EIO;
    }
    int asked_again = 0;

   private:
    std::set<ino_t> failed_;
  };
  const std::string folder = PrepareCheckpoint(run_dir_, 30, run_id_);
  FailsFirstSync files(fast_);
  const ScopedFileSystem scope(files);
  EXPECT_THROW(WritePiece(folder, 30, 0, 2), StorageError);
  EXPECT_EQ(files.asked_again, 0);
  EXPECT_THAT(NamesIn(folder), IsEmpty());  // the file was thrown away
}

}  // namespace
}  // namespace hearth

#include <cerrno>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "tests/storage/shard/dataset_fixture.h"
#include "tests/storage/support/file_system_doubles.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using testing_data::ContentOf;
using testing_data::ExpectEqual;
using testing_data::NewFolder;
using testing_data::Shards;
using testing_data::WriteDataset;

/// Reads everything in a data set anew.
std::vector<ShardContent> ReadAll(const std::string& folder, ReadMode mode, bool verify) {
  const Dataset dataset({.path = folder, .read = mode, .verify = verify});
  std::vector<ShardContent> shards;
  for (int64_t i = 0; i < std::ssize(dataset.manifest().shards); ++i) {
    shards.push_back(ContentOf(dataset.Shard(i)));
  }
  return shards;
}

TEST(ShardReadFaults, EachReadOfADataSetFailsOnceAndTheDataIsTheSame) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  const auto expected = Shards();
  int64_t tried = 0;
  for (const ReadMode mode : {ReadMode::kMmap, ReadMode::kPread}) {
    for (const int error : {EIO, ESTALE}) {
      for (int64_t nth = 0;; ++nth, ++tried) {
        FailingFileSystem failing(FileSystem::Posix(),
                                  {.call = FileCall::kRead, .nth = nth, .error = error});
        const ScopedFileSystem scope(failing);
        const std::vector<ShardContent> found = ReadAll(folder, mode, /*verify=*/false);
        ASSERT_EQ(found.size(), expected.size());
        for (size_t i = 0; i < found.size(); ++i) ExpectEqual(found[i], std::get<2>(expected[i]));
        if (!failing.failed()) break;
      }
    }
  }
  EXPECT_GT(tried, 100);
}

TEST(ShardReadFaults, StorageThatStaysAwayAtAnyReadIsAnErrorOfStorage) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  for (int64_t nth = 0;; ++nth) {
    FailingFileSystem failing(FileSystem::Posix(),
                              {.call = FileCall::kRead, .nth = nth, .ever_after = true});
    const ScopedFileSystem scope(failing);
    try {
      ReadAll(folder, ReadMode::kPread, /*verify=*/false);
      EXPECT_FALSE(failing.failed()) << nth;
    } catch (const StorageError& error) {
      EXPECT_THAT(error.what(), HasSubstr(folder));
    }
    if (!failing.failed()) break;
  }
}

/// The first large read fails. Its repetition returns other bytes than the file has.
class WrongAfterFailure : public FileSystemDecorator {
 public:
  WrongAfterFailure(FileSystem& inner, int64_t size_bytes)
      : FileSystemDecorator(inner), size_bytes_(size_bytes) {}
  int64_t Read(int fd, void* data, int64_t size_bytes, int64_t offset) override {
    const int64_t count = inner_.Read(fd, data, size_bytes, offset);
    if (size_bytes != size_bytes_) return count;
    if (!std::exchange(failed_, true)) return -EIO;
    static_cast<char*>(data)[0] ^= 1;
    return count;
  }

 private:
  int64_t size_bytes_;
  bool failed_ = false;
};

TEST(ShardReadFaults, AColumnThatWasReadAgainIsComparedWithItsChecksum) {
  const std::string folder = NewFolder();
  ShardContent content;
  for (int64_t task = 0; task < 1000; ++task) {
    testing_data::AddTask(task, {{static_cast<uint32_t>(task), task, 1.0F}}, &content);
  }
  const std::string file = "train-00000.h5";
  ShardEntry entry = WriteShard(folder, file, kTrainPart, "user", content);
  const auto read = [&] {
    WrongAfterFailure files(FileSystem::Posix(), 1001 * 8);  // the offsets
    const ScopedFileSystem scope(files);
    ShardReader(folder + "/" + file, entry, ReadMode::kPread);
  };
  EXPECT_THAT(read, ThrowsMessage<DataError>(
                        AllOf(HasSubstr(file), HasSubstr("/tasks/offsets"), HasSubstr("XXH3"))));
  entry.column_xxh3.clear();  // if there is no checksum, the structure alone shows the damage
  EXPECT_THAT(read, ThrowsMessage<DataError>(HasSubstr("starts with 1")));
}

}  // namespace
}  // namespace hearth

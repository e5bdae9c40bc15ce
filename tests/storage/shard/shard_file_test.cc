#include "storage/shard/shard_file.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include "common/error.h"
#include "common/random.h"
#include "storage/file/hdf5.h"
#include "tests/storage/shard/dataset_fixture.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using testing_data::ContentOf;
using testing_data::ExpectEqual;
using testing_data::NewFolder;
using testing_data::ReadBytes;
using testing_data::WriteBytes;

constexpr ReadMode kBothModes[] = {ReadMode::kMmap, ReadMode::kPread};

/// Random tasks of 0..max_length events with times and roles.
ShardContent RandomContent(int64_t task_count, uint64_t max_length) {
  RandomStream random(7, Purpose::kTest);
  ShardContent content;
  for (int64_t task = 0; task < task_count; ++task) {
    content.task_ids.push_back(random.NextBelow(1'000'000));
    const uint64_t length = random.NextBelow(max_length + 1);
    for (uint64_t i = 0; i < length; ++i) {
      content.items.push_back(random.NextUint32());
      content.times.push_back(i - 5);
      content.labels.push_back(static_cast<float>(random.NextNormal()));
      content.roles.push_back(static_cast<uint8_t>(random.NextBelow(3)));
    }
    content.offsets.push_back(content.event_count());
  }
  return content;
}

ShardEntry Write(const std::string& folder, const ShardContent& content) {
  return WriteShard(folder, "train-00000.h5", kTrainPart, "user", content);
}

void ExpectRoundTrip(const ShardContent& content) {
  const std::string folder = NewFolder();
  const ShardEntry entry = Write(folder, content);
  EXPECT_EQ(entry.task_count, content.task_count());
  EXPECT_EQ(entry.event_count, content.event_count());
  for (const ReadMode mode : kBothModes) {
    const ShardReader reader(folder + "/train-00000.h5", entry, mode);
    EXPECT_EQ(reader.task_count(), content.task_count());
    EXPECT_EQ(reader.event_count(), content.event_count());
    EXPECT_EQ(testing_data::VectorOf(reader.offsets()), content.offsets);
    EXPECT_EQ(testing_data::VectorOf(reader.task_ids()), content.task_ids);
    ExpectEqual(ContentOf(reader), content);
    reader.VerifyColumns(entry);
    reader.Prefetch();
  }
}

TEST(ShardFile, ReadsBackWhatWasWrittenInBothModes) { ExpectRoundTrip(RandomContent(50, 9)); }

TEST(ShardFile, ReadsBackAlignedColumns) { ExpectRoundTrip(RandomContent(9'000, 20)); }

TEST(ShardFile, ReadsBackNoTasks) { ExpectRoundTrip({}); }

TEST(ShardFile, ReadsBackTasksWithoutEvents) { ExpectRoundTrip(RandomContent(3, 0)); }

TEST(ShardFile, AbsentColumnsStayAbsent) {
  ShardContent content = RandomContent(20, 5);
  content.times.clear();
  ExpectRoundTrip(content);
  content.roles.clear();
  ExpectRoundTrip(content);
}

TEST(ShardFile, OddLengthsGiveMisalignedColumnsThatStillRead) {
  // Small datasets lie back to back: three bytes of roles push the next ones off their alignment.
  const std::string path = NewFolder() + "/odd.h5";
  Hdf5File file = Hdf5File::Create(path);
  file.SetAttribute("/", "kind", "shard");
  file.SetAttribute("/", "format_version", 1);
  file.SetAttribute("/", "task_by", "user");
  file.SetAttribute("/", "part", "train");
  file.SetAttribute("/", "task_count", 1);
  file.SetAttribute("/", "event_count", 3);
  file.WriteDataset("/events/role", std::vector<uint8_t>{0, 1, 2});
  file.WriteDataset("/events/item", std::vector<uint32_t>{7, 8, 9});
  file.WriteDataset("/events/label", std::vector<float>{1, 2, 3});
  file.WriteDataset("/tasks/id", std::vector<int64_t>{5});
  file.WriteDataset("/tasks/offsets", std::vector<int64_t>{0, 3});
  file.Close();
  ShardEntry entry;
  entry.task_count = 1;
  entry.event_count = 3;
  entry.size_bytes = std::filesystem::file_size(path);
  for (const ReadMode mode : kBothModes) {
    const ShardReader reader(path, entry, mode);
    EXPECT_THAT(reader.task(0).items, ElementsAre(7, 8, 9));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(reader.offsets().data()) % alignof(int64_t), 0U);
  }
}

TEST(ShardFile, TheSameContentGivesTheSameFile) {
  const std::string folder = NewFolder();
  const ShardContent content = RandomContent(9'000, 20);
  const ShardEntry first = Write(folder, content);
  const ShardEntry second = WriteShard(folder, "again.h5", kTrainPart, "user", content);
  EXPECT_EQ(first.sha256, second.sha256);
  EXPECT_EQ(first.column_xxh3, second.column_xxh3);
}

TEST(ShardFile, AFailedWriteLeavesNothingBehind) {
  const std::string folder = NewFolder();
  std::filesystem::create_directories(folder + "/train-00000.h5/occupied");
  EXPECT_THAT([&] { Write(folder, RandomContent(5, 5)); },
              ThrowsMessage<StorageError>(HasSubstr("train-00000.h5")));
  std::filesystem::remove_all(folder + "/train-00000.h5");
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  EXPECT_THROW(Write(folder + "/missing", RandomContent(5, 5)), StorageError);
}

TEST(ShardFile, CheckIdsNamesTheFirstBadRow) {
  ShardContent content;
  content.task_ids = {0, 4};
  content.offsets = {0, 2, 3};
  content.items = {0, 9, 3};
  content.labels = {1, 1, 1};
  const std::string folder = NewFolder();
  const ShardEntry entry = Write(folder, content);
  const ShardReader reader(folder + "/train-00000.h5", entry, ReadMode::kMmap);
  reader.CheckIds(5, 10);
  EXPECT_THAT([&] { reader.CheckIds(4, 10); },
              ThrowsMessage<DataError>(HasSubstr("/tasks/id row 1 is 4, expected 0..3")));
  EXPECT_THAT([&] { reader.CheckIds(5, 9); },
              ThrowsMessage<DataError>(HasSubstr("/events/item row 1 is 9, expected 0..8")));
}

TEST(ShardFile, CheckIdsRefusesNegativeTaskIds) {
  ShardContent content;
  content.task_ids = {-1};
  content.offsets = {0, 0};
  const std::string folder = NewFolder();
  const ShardReader reader(folder + "/train-00000.h5", Write(folder, content), ReadMode::kMmap);
  EXPECT_THROW(reader.CheckIds(5, 5), DataError);
}

TEST(ShardFile, CheckColumnsComparesWithThePromise) {
  ShardContent content = RandomContent(5, 5);
  content.roles.clear();
  const std::string folder = NewFolder();
  const ShardReader reader(folder + "/train-00000.h5", Write(folder, content), ReadMode::kMmap);
  reader.CheckColumns(true, false);
  EXPECT_THAT([&] { reader.CheckColumns(false, false); },
              ThrowsMessage<DataError>(HasSubstr("has a /events/time")));
  EXPECT_THAT([&] { reader.CheckColumns(true, true); },
              ThrowsMessage<DataError>(HasSubstr("has no /events/role")));
}

// The tests below cover all refusals of ShardReader.

/// A shard of two tasks and three events that the test writes itself, with one deviation.
struct Deviation {
  int64_t version = 1;
  std::string kind = "shard";
  std::string part = "train";
  int64_t task_count = 2, event_count = 3;
  std::vector<int64_t> offsets = {0, 1, 3};
  std::string left_out = {};  ///< dataset that is not written
  std::string chunked = {};   ///< dataset that is rewritten in chunks
  std::function<void(Hdf5File*)> write_labels = [](Hdf5File* file) {
    file->WriteDataset("/events/label", std::vector<float>{1, 2, 3});
  };
  std::vector<uint8_t> roles = {0, 1, 2};
};

void RewriteInChunks(const std::string& path, const std::string& name) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  ASSERT_GE(file, 0);
  H5Ldelete(file, name.c_str(), H5P_DEFAULT);
  const hsize_t extent = 3, chunk = 2;
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(properties, 1, &chunk);
  const hid_t space = H5Screate_simple(1, &extent, nullptr);
  const hid_t dataset =
      H5Dcreate2(file, name.c_str(), H5T_STD_U32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  EXPECT_GE(dataset, 0);
  H5Dclose(dataset);
  H5Sclose(space);
  H5Pclose(properties);
  H5Fclose(file);
}

void WriteDeviant(const std::string& path, const Deviation& deviation) {
  Hdf5File file = Hdf5File::Create(path);
  file.SetAttribute("/", "kind", deviation.kind);
  file.SetAttribute("/", "format_version", deviation.version);
  file.SetAttribute("/", "task_by", "user");
  file.SetAttribute("/", "part", deviation.part);
  file.SetAttribute("/", "task_count", deviation.task_count);
  file.SetAttribute("/", "event_count", deviation.event_count);
  const auto write = [&](const char* name, const auto& values) {
    if (deviation.left_out != name) file.WriteDataset(name, values);
  };
  write("/tasks/id", std::vector<int64_t>{0, 1});
  write("/tasks/offsets", deviation.offsets);
  write("/events/item", std::vector<uint32_t>{4, 5, 6});
  write("/events/role", deviation.roles);
  if (deviation.left_out != "/events/label") deviation.write_labels(&file);
  file.Close();
  if (!deviation.chunked.empty()) RewriteInChunks(path, deviation.chunked);
}

void ExpectRefusal(const Deviation& deviation, const std::string& message) {
  const std::string path = NewFolder() + "/deviant.h5";
  WriteDeviant(path, deviation);
  ShardEntry entry;
  entry.task_count = 2;
  entry.event_count = 3;
  entry.size_bytes = std::filesystem::file_size(path);
  for (const ReadMode mode : kBothModes) {
    EXPECT_THAT([&] { ShardReader(path, entry, mode); },
                ThrowsMessage<DataError>(AllOf(HasSubstr(path), HasSubstr(message))));
  }
}

TEST(ShardReader, AcceptsTheHandWrittenShardWithoutDeviation) {
  const std::string path = NewFolder() + "/deviant.h5";
  WriteDeviant(path, {});
  ShardEntry entry;
  entry.task_count = 2;
  entry.event_count = 3;
  entry.size_bytes = std::filesystem::file_size(path);
  EXPECT_THAT(ShardReader(path, entry, ReadMode::kMmap).task(1).items, ElementsAre(5, 6));
}

TEST(ShardReader, RefusesAnUnknownVersion) {
  ExpectRefusal({.version = 2}, "shard format 2; this hearth reads format 1");
}
TEST(ShardReader, RefusesAnotherKindOfFile) {
  ExpectRefusal({.kind = "entities"}, "holds 'entities'");
}
TEST(ShardReader, RefusesAnotherPart) {
  ExpectRefusal({.part = "test/user_cold"}, "is of part 'test/user_cold'");
}
TEST(ShardReader, RefusesOtherCountsThanTheManifest) {
  ExpectRefusal({.task_count = 3}, "task_count 3, the manifest says 2");
  ExpectRefusal({.event_count = -3}, "event_count -3, the manifest says 3");
}
TEST(ShardReader, RefusesOffsetsThatDecrease) {
  ExpectRefusal({.offsets = {0, 4, 3}}, "decreases at row 2 (3 after 4)");
}
TEST(ShardReader, RefusesOffsetsThatDoNotStartWithZero) {
  ExpectRefusal({.offsets = {1, 1, 3}}, "starts with 1, expected 0");
}
TEST(ShardReader, RefusesOffsetsBeyondTheEnd) {
  ExpectRefusal({.offsets = {0, 1, 4}}, "ends with 4, expected the 3 events");
  ExpectRefusal({.offsets = {0, 1, INT64_MAX}}, "ends with");
}
TEST(ShardReader, RefusesTooFewOffsets) {
  ExpectRefusal({.offsets = {0, 3}}, "/tasks/offsets is int64 [2], expected int64 [3]");
}
TEST(ShardReader, RefusesMissingColumns) {
  for (const char* name : {"/tasks/id", "/tasks/offsets", "/events/item", "/events/label"}) {
    ExpectRefusal({.left_out = name}, std::string(name) + " is missing");
  }
}
TEST(ShardReader, RefusesAChunkedColumn) {
  ExpectRefusal({.chunked = "/events/item"}, "/events/item is not stored contiguously");
}
TEST(ShardReader, RefusesAnotherElementType) {
  ExpectRefusal({.write_labels =
                     [](Hdf5File* file) {
                       file->WriteDataset("/events/label", std::vector<double>{1, 2, 3});
                     }},
                "/events/label is float64 [3], expected float32 [3]");
}
TEST(ShardReader, RefusesAnotherShape) {
  ExpectRefusal({.write_labels =
                     [](Hdf5File* file) {
                       file->WriteDataset("/events/label", std::vector<float>{1, 2, 3}, {3, 1});
                     }},
                "/events/label is float32 [3, 1]");
}
TEST(ShardReader, RefusesUnknownRoles) {
  ExpectRefusal({.roles = {0, 1, 3}}, "/events/role row 2 is 3, expected 0, 1 or 2");
}

TEST(ShardReader, RefusesAnotherSizeThanTheManifest) {
  const std::string folder = NewFolder();
  ShardEntry entry = Write(folder, RandomContent(5, 5));
  ++entry.size_bytes;
  EXPECT_THAT([&] { ShardReader(folder + "/train-00000.h5", entry, ReadMode::kMmap); },
              ThrowsMessage<DataError>(HasSubstr("cut short or replaced")));
}

TEST(ShardReader, AMissingFileIsAStorageError) {
  EXPECT_THROW(ShardReader(NewFolder() + "/none.h5", {}, ReadMode::kMmap), StorageError);
}

TEST(ShardReader, RefusesEveryTruncation) {
  const std::string folder = NewFolder();
  const std::string path = folder + "/train-00000.h5";
  ShardEntry entry = Write(folder, RandomContent(20, 5));
  const std::string bytes = ReadBytes(path);
  for (size_t size = 0; size < bytes.size(); size += 13) {
    WriteBytes(path, bytes.substr(0, size));
    entry.size_bytes = size;  // the manifest agrees with the file
    EXPECT_THROW(ShardReader(path, entry, ReadMode::kMmap), DataError) << size;
  }
}

TEST(ShardReader, AFlippedByteIsFoundOrChangesNothing) {
  const std::string folder = NewFolder();
  const std::string path = folder + "/train-00000.h5";
  const ShardContent content = RandomContent(10, 4);
  const ShardEntry entry = Write(folder, content);
  const std::string bytes = ReadBytes(path);
  constexpr int64_t kStride = 3;
  int64_t refused = 0;
  for (size_t position = 0; position < bytes.size(); position += kStride) {
    std::string damaged = bytes;
    damaged[position] = static_cast<char>(damaged[position] ^ (1 << (position % 8)));
    WriteBytes(path, damaged);
    const ReadMode mode = position % 2 == 0 ? ReadMode::kMmap : ReadMode::kPread;
    try {
      const ShardReader reader(path, entry, mode);
      const ShardContent read = ContentOf(reader);
      reader.VerifyColumns(entry);
      ExpectEqual(read, content);
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr(path));
      ++refused;
    }
  }
  const int64_t column_bytes = 10 * 8 + 11 * 8 + content.event_count() * (4 + 8 + 4 + 1);
  EXPECT_GE(refused, column_bytes / kStride - 6);  // 6 columns
}

TEST(ShardReader, VerifyColumnsNamesTheDamagedColumn) {
  const std::string folder = NewFolder();
  ShardEntry entry = Write(folder, RandomContent(5, 5));
  const ShardReader reader(folder + "/train-00000.h5", entry, ReadMode::kMmap);
  ShardEntry other = entry;
  for (auto& [column, hash] : other.column_xxh3) {
    if (column == "labels") hash = "0123456789abcdef";
  }
  EXPECT_THAT([&] { reader.VerifyColumns(other); },
              ThrowsMessage<DataError>(HasSubstr("/events/label is damaged")));
  std::erase_if(entry.column_xxh3, [](const auto& pair) { return pair.first == "times"; });
  EXPECT_THAT([&] { reader.VerifyColumns(entry); },
              ThrowsMessage<DataError>(HasSubstr("no XXH3 of /events/time")));
}

}  // namespace
}  // namespace hearth

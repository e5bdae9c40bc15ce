// WriteEntities and ReadEntities.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "common/hash.h"
#include "storage/file/hdf5.h"
#include "tests/storage/shard/dataset_fixture.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using testing_data::ExpectEqual;
using testing_data::Items;
using testing_data::NewFolder;
using testing_data::ReadBytes;
using testing_data::Users;
using testing_data::WriteBytes;

TEST(EntityFile, ReadsBackWhatWasWritten) {
  const std::string path = NewFolder() + "/table.h5";
  for (const EntityTable& table : {Users(), Items(), EntityTable{}}) {
    const std::string sha256 = WriteEntities(path, table);
    EXPECT_EQ(sha256, Sha256OfFile(path));
    ExpectEqual(ReadEntities(path), table);
  }
}

TEST(EntityFile, KeepsAnyBytesOfIdsAndTitles) {
  const std::string path = NewFolder() + "/table.h5";
  EntityTable table;
  table.ids = {"", "\xff\xfe", std::string("a\0b", 3), "tab\t"};
  table.titles = {"\n", "x", "", "y"};
  WriteEntities(path, table);
  ExpectEqual(ReadEntities(path), table);
}

TEST(EntityFile, TheSameTableGivesTheSameFile) {
  const std::string folder = NewFolder();
  EXPECT_EQ(WriteEntities(folder + "/a.h5", Items()), WriteEntities(folder + "/b.h5", Items()));
}

/// Writing, too, refuses a table that reading must refuse.
void ExpectRefused(const EntityTable& table, const std::string& message) {
  const std::string path = NewFolder() + "/table.h5";
  EXPECT_THAT([&] { WriteEntities(path, table); },
              ThrowsMessage<DataError>(AllOf(HasSubstr(path), HasSubstr(message))));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(EntityFile, RefusesInconsistentTables) {
  EntityTable table = Items();
  table.titles.pop_back();
  ExpectRefused(table, "/titles has 5 entries, expected 6");
  table = Users();
  table.features[0].categories[2] = 3;
  ExpectRefused(table, "category 3, its vocabulary has 3");
  table = Users();
  table.features[0].categories[2] = -1;
  ExpectRefused(table, "category -1");
  table = Users();
  table.features[0].vocabulary[0] = "Rome";
  ExpectRefused(table, "category 0 must be \"\"");
  table = Users();
  table.features[1].numbers.push_back(1);
  ExpectRefused(table, "has 7 entries, expected 6");
  table = Users();
  table.features[1].name = "city";
  ExpectRefused(table, "two features are named 'city'");
  table = Items();
  table.features[0].offsets = {0, 2, 1, 3, 4, 5, 6};
  ExpectRefused(table, "never decrease");
  table = Items();
  table.features[0].offsets.back() = 7;
  ExpectRefused(table, "end with 6");
  table = Items();
  table.features[1].width = 3;
  ExpectRefused(table, "has 12 entries, expected 18");
  table = Items();
  table.features[1].width = INT64_MAX;
  ExpectRefused(table, "has width");
}

TEST(EntityFile, RefusesDeviatingFiles) {
  const std::string path = NewFolder() + "/table.h5";
  const auto write = [&](int64_t version, const std::string& kind, int64_t count,
                         const std::vector<int64_t>& offsets, int64_t feature_count) {
    Hdf5File file = Hdf5File::Create(path);
    file.SetAttribute("/", "kind", kind);
    file.SetAttribute("/", "format_version", version);
    file.SetAttribute("/", "entity_count", count);
    file.SetAttribute("/", "feature_count", feature_count);
    file.WriteDataset("/ids/offsets", offsets);
    file.WriteDataset("/ids/bytes", std::vector<uint8_t>{'a', 'b', 'c'});
    file.SetAttribute("/features/0", "name", "f");
    file.SetAttribute("/features/0", "kind", 9);
    file.Close();
  };
  write(1, "entities", 2, {0, 1, 3}, 0);
  EXPECT_EQ(ReadEntities(path).ids, (std::vector<std::string>{"a", "bc"}));
  const auto expect = [&](const std::string& message) {
    EXPECT_THAT([&] { ReadEntities(path); },
                ThrowsMessage<DataError>(AllOf(HasSubstr(path), HasSubstr(message))));
  };
  write(2, "entities", 2, {0, 1, 3}, 0);
  expect("format 2");
  write(1, "shard", 2, {0, 1, 3}, 0);
  expect("holds 'shard'");
  write(1, "entities", 3, {0, 1, 3}, 0);
  expect("/ids has 2 entries, expected 3");
  write(1, "entities", 2, {0, 4, 3}, 0);
  expect("/ids/offsets must start with 0");
  write(1, "entities", 2, {0, 1, 300}, 0);
  expect("/ids/offsets must start with 0");
  write(1, "entities", 0, {}, 0);
  expect("/ids/offsets must start with 0");
  write(1, "entities", 2, {0, 1, 3}, 1);
  expect("/features/0 is of unknown kind 9");
  write(1, "entities", 2, {0, 1, 3}, INT64_MAX);
  expect("/features/0");
}

TEST(EntityFile, DamageNeverCrashes) {
  const std::string path = NewFolder() + "/table.h5";
  WriteEntities(path, Items());
  const std::string bytes = ReadBytes(path);
  int64_t refused = 0;
  for (size_t position = 0; position < bytes.size(); position += 17) {
    std::string damaged = bytes;
    damaged[position] = static_cast<char>(damaged[position] ^ 0x81);
    WriteBytes(path, damaged);
    try {
      ReadEntities(path);
    } catch (const DataError&) {
      ++refused;
    }
    WriteBytes(path, bytes.substr(0, position));
    EXPECT_THROW(ReadEntities(path), DataError) << position;
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace hearth

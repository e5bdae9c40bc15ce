// ReadManifest, WriteManifest and ManifestHash.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/hash.h"
#include "common/random.h"
#include "tests/storage/shard/dataset_fixture.h"

namespace hearth {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using testing_data::NewFolder;
using testing_data::ReadBytes;
using testing_data::WriteBytes;
using testing_data::WriteDataset;

TEST(Manifest, ReadsBackWhatWasWritten) {
  const std::string folder = NewFolder();
  const DatasetManifest written = WriteDataset(folder);
  const DatasetManifest read = ReadManifest(folder);
  EXPECT_EQ(read.name, "tiny");
  EXPECT_EQ(read.task_by, "user");
  EXPECT_TRUE(read.has_time);
  EXPECT_FALSE(read.has_roles);
  EXPECT_FALSE(read.positive_only);
  EXPECT_EQ(read.label_min, 1);
  EXPECT_EQ(read.label_max, 5);
  EXPECT_EQ(read.user_count, 6);
  EXPECT_EQ(read.item_count, 6);
  EXPECT_EQ(read.event_count, 12);
  EXPECT_EQ(read.users_sha256, written.users_sha256);
  EXPECT_EQ(read.items_sha256, written.items_sha256);
  EXPECT_EQ(read.source, R"({"format":"csv","input":"log.csv"})");
  EXPECT_EQ(read.tool_version, "0.1.0");
  EXPECT_EQ(read.facts, written.facts);
  ASSERT_EQ(read.shards.size(), written.shards.size());
  for (size_t i = 0; i < read.shards.size(); ++i) {
    EXPECT_EQ(read.shards[i].file, written.shards[i].file);
    EXPECT_EQ(read.shards[i].part, written.shards[i].part);
    EXPECT_EQ(read.shards[i].task_count, written.shards[i].task_count);
    EXPECT_EQ(read.shards[i].event_count, written.shards[i].event_count);
    EXPECT_EQ(read.shards[i].size_bytes, written.shards[i].size_bytes);
    EXPECT_EQ(read.shards[i].sha256, written.shards[i].sha256);
    EXPECT_THAT(read.shards[i].column_xxh3,
                ::testing::UnorderedElementsAreArray(written.shards[i].column_xxh3));
  }
}

TEST(Manifest, CountsByPart) {
  const std::string folder = NewFolder();
  const DatasetManifest manifest = WriteDataset(folder);
  EXPECT_EQ(manifest.TaskCount(kTrainPart), 3);
  EXPECT_EQ(manifest.EventCount(kTrainPart), 6);
  EXPECT_EQ(manifest.TaskCount({Split::kTest, Scenario::kUserCold}), 2);
  EXPECT_EQ(manifest.EventCount({Split::kTest, Scenario::kBothCold}), 0);
}

TEST(Manifest, NamesTheFeatures) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  const json manifest = json::parse(ReadBytes(folder + "/manifest.json"));
  EXPECT_EQ(manifest["users"]["features"],
            json::parse(R"([{"name":"city","kind":"category","vocabulary":3},
                            {"name":"age","kind":"number"}])"));
  EXPECT_EQ(manifest["items"]["features"],
            json::parse(R"([{"name":"genres","kind":"categories","vocabulary":4},
                            {"name":"embedding","kind":"vector","width":2}])"));
}

TEST(Manifest, HashIsTheFilesSha256) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  EXPECT_EQ(ManifestHash(folder), Sha256Hex(ReadBytes(folder + "/manifest.json")));
}

TEST(Manifest, AFolderWithoutOneIsNoDataSet) {
  EXPECT_THAT([] { ReadManifest(NewFolder()); },
              ThrowsMessage<DataError>(HasSubstr("is not a data set: it has no manifest.json")));
}

TEST(Manifest, WritingRefusesWhatReadingWouldRefuse) {
  const std::string folder = NewFolder();
  const DatasetManifest good = WriteDataset(folder);
  DatasetManifest bad = good;
  bad.shards[1].file = "../train.h5";
  EXPECT_THROW(WriteManifest(folder, bad), DataError);
  bad = good;
  bad.event_count = 11;
  EXPECT_THROW(WriteManifest(folder, bad), DataError);
  bad = good;
  std::swap(bad.shards.front(), bad.shards.back());
  EXPECT_THROW(WriteManifest(folder, bad), DataError);
  bad = good;
  bad.facts["x"] = std::nan("");
  EXPECT_THROW(WriteManifest(folder, bad), DataError);
}

// Older hearths read version 1 alone; they know positive events of label 1.
TEST(Manifest, OnlyStrengthsOfPositiveEventsNeedVersion2) {
  const std::string folder = NewFolder();
  DatasetManifest manifest = WriteDataset(folder);
  const auto version = [&] {
    WriteManifest(folder, manifest);
    return json::parse(ReadBytes(folder + "/manifest.json"))["format_version"].get<int>();
  };
  EXPECT_EQ(version(), 1);
  manifest.positive_only = true;
  EXPECT_EQ(version(), 2);
  EXPECT_TRUE(ReadManifest(folder).positive_only);
  EXPECT_TRUE(ReadManifest(folder).HasStrengths());
  manifest.label_max = 1;
  EXPECT_EQ(version(), 1);
  EXPECT_TRUE(ReadManifest(folder).positive_only);
  EXPECT_FALSE(ReadManifest(folder).HasStrengths());
  manifest.label_min = 0;
  EXPECT_THAT([&] { WriteManifest(folder, manifest); },
              ThrowsMessage<DataError>(AllOf(HasSubstr("label_min is 0"), HasSubstr("above 0"))));
}

struct BadManifest {
  const char* name;
  const char* patch;    ///< JSON patch (RFC 6902) applied to a good manifest
  const char* message;  ///< part of the error message
};

class ManifestRefusal : public ::testing::TestWithParam<BadManifest> {};

TEST_P(ManifestRefusal, NamesFileAndField) {
  const std::string folder = NewFolder().append("-") + GetParam().name;
  std::filesystem::create_directories(folder);
  WriteDataset(folder);
  const std::string path = folder + "/manifest.json";
  const json good = json::parse(ReadBytes(path));
  WriteBytes(path, good.patch(json::parse(GetParam().patch)).dump());
  EXPECT_THAT([&] { ReadManifest(folder); },
              ThrowsMessage<DataError>(AllOf(HasSubstr(path), HasSubstr(GetParam().message))));
}

INSTANTIATE_TEST_SUITE_P(
    All, ManifestRefusal,
    ::testing::Values(
        BadManifest{"newer", R"([{"op":"replace","path":"/format_version","value":3}])",
                    "data set format 3; this hearth reads formats 1 to 2"},
        BadManifest{"plain_version_2", R"([{"op":"replace","path":"/format_version","value":2}])",
                    "format 2 does not fit positive_only false"},
        BadManifest{"strengths_in_version_1",
                    R"([{"op":"replace","path":"/positive_only","value":true}])",
                    "format 1 does not fit positive_only true with labels 1 to 5"},
        BadManifest{"versionless", R"([{"op":"remove","path":"/format_version"}])",
                    "'format_version' is missing"},
        BadManifest{"unknown_field", R"([{"op":"add","path":"/surprise","value":1}])",
                    "'surprise'"},
        BadManifest{"missing_field", R"([{"op":"remove","path":"/has_time"}])",
                    "'has_time' is missing"},
        BadManifest{"wrong_type", R"([{"op":"replace","path":"/has_time","value":1}])",
                    "'has_time' is 1, expected true or false"},
        BadManifest{"parent", R"([{"op":"replace","path":"/shards/0/file","value":"../x.h5"}])",
                    "'../x.h5' is refused"},
        BadManifest{"absolute", R"([{"op":"replace","path":"/shards/0/file","value":"/x.h5"}])",
                    "'/x.h5' is refused"},
        BadManifest{"subfolder", R"([{"op":"replace","path":"/users/file","value":"a/b.h5"}])",
                    "'a/b.h5' is refused"},
        BadManifest{"dots", R"([{"op":"replace","path":"/items/file","value":".."}])",
                    "'..' is refused"},
        BadManifest{"newline", R"([{"op":"replace","path":"/items/file","value":"a\nb"}])",
                    "is refused"},
        BadManifest{"nameless", R"([{"op":"replace","path":"/items/file","value":""}])",
                    "'' is refused"},
        BadManifest{"twice", R"([{"op":"copy","from":"/shards/0","path":"/shards/0"}])",
                    "'train-00000.h5' is listed twice"},
        BadManifest{"entities_as_shard",
                    R"([{"op":"replace","path":"/shards/0/file","value":"users.h5"}])",
                    "'users.h5' is listed twice"},
        BadManifest{"unknown_part",
                    R"([{"op":"replace","path":"/shards/0/part","value":"testing/user_cold"}])",
                    "testing"},
        BadManifest{"meaningless_part",
                    R"([{"op":"replace","path":"/shards/0/part","value":"train/user_cold"}])",
                    "which has no meaning"},
        BadManifest{"too_small", R"([{"op":"replace","path":"/shards/0/size_bytes","value":8}])",
                    "events in 8 bytes"},
        BadManifest{"control", R"([{"op":"replace","path":"/name","value":"a\u001b[2J"}])",
                    "name holds a control character"},
        BadManifest{"unordered", R"([{"op":"move","from":"/shards/3","path":"/shards/0"}])",
                    "comes after a shard of test/item_cold"},
        BadManifest{"negative", R"([{"op":"replace","path":"/shards/0/task_count","value":-1}])",
                    "shards[0]: 'task_count' is -1"},
        BadManifest{"huge", R"([{"op":"replace","path":"/shards/0/event_count","value":1e30}])",
                    "shards[0]: 'event_count'"},
        BadManifest{
            "overflow",
            R"([{"op":"replace","path":"/shards/0/size_bytes","value":18446744073709551615}])",
            "shards[0]: 'size_bytes'"},
        BadManifest{"fraction", R"([{"op":"replace","path":"/event_count","value":12.5}])",
                    "'event_count' is 12.5"},
        BadManifest{"sum", R"([{"op":"replace","path":"/event_count","value":13}])",
                    "event_count is 13, its shards have 12"},
        BadManifest{"too_many_items",
                    R"([{"op":"replace","path":"/items/count","value":4294967296}])",
                    "items: 'count'"},
        BadManifest{"sha256", R"([{"op":"replace","path":"/users/sha256","value":"abc"}])",
                    "users: 'sha256'"},
        BadManifest{"xxh3", R"([{"op":"replace","path":"/shards/0/xxh3/items","value":"XYZ"}])",
                    "xxh3: 'items'"},
        BadManifest{"labels", R"([{"op":"replace","path":"/label_min","value":9}])",
                    "label_min 9 and label_max 5 are no range"},
        BadManifest{"infinite", R"([{"op":"replace","path":"/label_max","value":1e300}])",
                    "label_max inf"},
        BadManifest{"fact", R"([{"op":"add","path":"/facts/x","value":"1"}])", "facts: 'x'"},
        BadManifest{"shards", R"([{"op":"replace","path":"/shards","value":{}}])",
                    "'shards' is {}, expected an array"},
        BadManifest{"shard", R"([{"op":"replace","path":"/shards/0","value":7}])",
                    "shards[0]: expected a JSON object"},
        BadManifest{"root", R"([{"op":"replace","path":"","value":[]}])",
                    "expected a JSON object"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Manifest, RefusesMoreColumnsThanAShardCanHave) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  json manifest = json::parse(ReadBytes(folder + "/manifest.json"));
  for (int column = 0; column < 20; ++column) {
    manifest["shards"][0]["xxh3"]["column" + std::to_string(column)] = std::string(16, '0');
  }
  WriteBytes(folder + "/manifest.json", manifest.dump());
  EXPECT_THAT([&] { ReadManifest(folder); },
              ThrowsMessage<DataError>(HasSubstr("more than 16 columns")));
}

TEST(Manifest, RefusesTextThatIsNotJson) {
  const std::string folder = NewFolder();
  for (const std::string text : {"", "{", "{} {}", "\xff", "{\"a\":1,\"a\":1}", "null"}) {
    WriteBytes(folder + "/manifest.json", text);
    EXPECT_THROW(ReadManifest(folder), DataError) << text;
  }
}

TEST(Manifest, RefusesDeepNesting) {
  const std::string folder = NewFolder();
  WriteBytes(folder + "/manifest.json", std::string(1'000'000, '['));
  EXPECT_THAT([&] { ReadManifest(folder); },
              ThrowsMessage<DataError>(HasSubstr("nested deeper than 16 levels")));
}

TEST(Manifest, RandomDamageNeverCrashes) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  const std::string path = folder + "/manifest.json";
  const std::string good = ReadBytes(path);
  RandomStream random(3, Purpose::kTest);
  int64_t refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string text = good;
    const size_t position = random.NextBelow(text.size());
    if (round % 2 == 0) {
      text[position] = static_cast<char>(random.NextBelow(256));
    } else {
      text.erase(position, 1 + random.NextBelow(20));
    }
    WriteBytes(path, text);
    try {
      ReadManifest(folder);
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace hearth

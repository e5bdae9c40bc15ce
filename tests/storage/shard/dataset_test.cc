#include "storage/shard/dataset.h"

#include <cmath>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/error.h"
#include "common/hash.h"
#include "tests/storage/shard/dataset_fixture.h"
#include "tests/tools/paths.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;
using testing_data::AddTask;
using testing_data::ContentOf;
using testing_data::ExpectEqual;
using testing_data::Items;
using testing_data::NewFolder;
using testing_data::ReadBytes;
using testing_data::Shards;
using testing_data::Users;
using testing_data::WriteBytes;
using testing_data::WriteDataset;

TEST(Dataset, OpensEverythingItsManifestNames) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  for (const ReadMode mode : {ReadMode::kMmap, ReadMode::kPread}) {
    const Dataset dataset({.path = folder, .read = mode, .verify = true});
    ExpectEqual(dataset.users(), Users());
    ExpectEqual(dataset.items(), Items());
    EXPECT_THAT(dataset.ShardsOf(kTrainPart), ElementsAre(0, 1));
    EXPECT_THAT(dataset.ShardsOf({Split::kTest, Scenario::kItemCold}), ElementsAre(3));
    EXPECT_THAT(dataset.ShardsOf({Split::kValidation, Scenario::kNonCold}), IsEmpty());
    const auto shards = Shards();
    for (size_t i = 0; i < shards.size(); ++i) {
      ExpectEqual(ContentOf(dataset.Shard(i)), std::get<2>(shards[i]));
    }
  }
}

TEST(Dataset, KeepsAReaderOnceOpened) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  const Dataset dataset({.path = folder});
  const ShardReader* const first = &dataset.Shard(1);
  std::filesystem::remove(folder + "/train-00001.h5");
  EXPECT_EQ(&dataset.Shard(1), first);
  EXPECT_EQ(first->task(0).id, 2);
}

TEST(Dataset, OpensAShardAnewForACallerOfItsOwn) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  const Dataset dataset({.path = folder});
  const std::unique_ptr<ShardReader> own = dataset.OpenShard(1);
  EXPECT_NE(own.get(), &dataset.Shard(1));
  ExpectEqual(ContentOf(*own), std::get<2>(Shards()[1]));
  std::filesystem::remove(folder + "/train-00001.h5");
  EXPECT_THROW(dataset.OpenShard(1), StorageError);
}

TEST(Dataset, ManyThreadsOpenTheSameShardOnce) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  for (int round = 0; round < 10; ++round) {
    const Dataset dataset({.path = folder});
    std::vector<const ShardReader*> seen(8);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < seen.size(); ++i) {
      threads.emplace_back([&, i] { seen[i] = &dataset.Shard(i % 2); });
    }
    for (std::thread& thread : threads) thread.join();
    for (size_t i = 2; i < seen.size(); ++i) EXPECT_EQ(seen[i], seen[i % 2]);
  }
}

TEST(Dataset, SwapsTheSidesWhenTasksAreItems) {
  const std::string folder = NewFolder();
  DatasetManifest manifest = WriteDataset(folder);
  manifest.task_by = "item";
  WriteManifest(folder, manifest);
  const Dataset dataset({.path = folder});
  EXPECT_EQ(&dataset.task_entities(), &dataset.items());
  EXPECT_EQ(&dataset.event_entities(), &dataset.users());
}

TEST(Dataset, ADamagedEntityFileIsRefusedAtOnce) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  std::string bytes = ReadBytes(folder + "/items.h5");
  bytes.back() ^= 1;
  WriteBytes(folder + "/items.h5", bytes);
  EXPECT_THAT([&] { Dataset({.path = folder}); },
              ThrowsMessage<DataError>(AllOf(HasSubstr("items.h5"), HasSubstr("SHA-256"))));
}

TEST(Dataset, AShardIsComparedWithItsHashBeforeItIsFirstRead) {
  const std::string folder = NewFolder();
  const DatasetManifest manifest = WriteDataset(folder);
  const std::string path = folder + "/" + manifest.shards[0].file;
  std::string bytes = ReadBytes(path);
  const float label = 3;  // of u0 and i1: one byte of the label column
  const size_t position = bytes.find(std::string(reinterpret_cast<const char*>(&label), 4));
  ASSERT_NE(position, std::string::npos);
  bytes[position] ^= 1;
  WriteBytes(path, bytes);
  EXPECT_EQ(Dataset({.path = folder, .verify = false}).Shard(0).task_count(), 2);
  const Dataset dataset({.path = folder});
  const auto names_both =
      AllOf(HasSubstr(path), HasSubstr(manifest.shards[0].sha256), HasSubstr(Sha256Hex(bytes)));
  EXPECT_THAT([&] { dataset.Shard(0); }, ThrowsMessage<DataError>(names_both));
  EXPECT_THAT([&] { dataset.OpenShard(0); }, ThrowsMessage<DataError>(names_both));
  EXPECT_EQ(dataset.Shard(1).task_count(), 1);
}

TEST(Dataset, ProcessesOfAHostDivideTheChecksOfItsShards) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  WriteBytes(folder + "/train-00001.h5", "not what was listed");
  const Dataset dataset({.path = folder});
  EXPECT_NO_THROW(dataset.CheckShards(0, 2));  // shards 0 and 2
  EXPECT_THAT([&] { dataset.CheckShards(1, 2); },
              ThrowsMessage<DataError>(HasSubstr("train-00001.h5' is damaged or replaced")));
  EXPECT_THROW(dataset.CheckShards(0, 1), DataError);
  EXPECT_NO_THROW(dataset.CheckShards(4, 5));
  EXPECT_NO_THROW(Dataset({.path = folder, .verify = false}).CheckShards(0, 1));
}

std::vector<std::string> FilesOf(const std::vector<BadShard>& shards) {
  std::vector<std::string> files;
  for (const BadShard& shard : shards) files.push_back(shard.file);
  return files;
}

TEST(Dataset, AllBadShardsAreFoundWithTheirReasons) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  std::filesystem::remove(folder + "/train-00000.h5");
  WriteBytes(folder + "/train-00001.h5", "not what was listed");
  std::string bytes = ReadBytes(folder + "/test-item_cold-00000.h5");
  bytes[bytes.size() / 2] ^= 1;
  WriteBytes(folder + "/test-item_cold-00000.h5", bytes);
  const Dataset dataset({.path = folder, .max_bad_shards = 1});
  const std::vector<BadShard> bad = dataset.CheckShards(0, 1);
  EXPECT_THAT(FilesOf(bad),
              ElementsAre("train-00000.h5", "train-00001.h5", "test-item_cold-00000.h5"));
  EXPECT_THAT(bad[0].reason, HasSubstr("No such file"));
  EXPECT_THAT(bad[1].reason, HasSubstr("damaged or replaced"));
  EXPECT_THAT(FilesOf(dataset.CheckShards(1, 2)),
              ElementsAre("train-00001.h5", "test-item_cold-00000.h5"));
  EXPECT_THAT(dataset.CheckShards(2, 4), IsEmpty());
}

TEST(Dataset, AShardThatMatchesItsHashButCannotBeReadIsBad) {
  const std::string folder = NewFolder();
  DatasetManifest manifest = WriteDataset(folder);
  const std::string text = "no HDF5 file, as its maker's manifest says";
  WriteBytes(folder + "/train-00001.h5", text);
  manifest.shards[1].sha256 = Sha256Hex(text);
  manifest.shards[1].size_bytes = std::ssize(text);
  WriteManifest(folder, manifest);
  EXPECT_THAT(FilesOf(Dataset({.path = folder, .max_bad_shards = 1}).CheckShards(0, 1)),
              ElementsAre("train-00001.h5"));
}

TEST(Dataset, WithoutAShardItIsAsIfThatHadNeverBeenListed) {
  const std::string whole = NewFolder(), part = whole + "/part";
  WriteDataset(whole);
  std::filesystem::create_directory(part);
  auto kept = Shards();
  kept.erase(kept.begin());
  WriteDataset(part, kept, Users(), Items());
  const Dataset expected({.path = part});

  Dataset dataset({.path = whole, .max_bad_shards = 1});
  const std::string whole_hash = dataset.Hash();
  EXPECT_EQ(whole_hash, ManifestHash(whole));
  dataset.LeaveOut({{"train-00000.h5", "broken"}});
  EXPECT_THAT(FilesOf(dataset.left_out()), ElementsAre("train-00000.h5"));
  EXPECT_NE(dataset.Hash(), whole_hash);
  const DatasetManifest& manifest = dataset.manifest();
  EXPECT_EQ(manifest.event_count, expected.manifest().event_count);
  ASSERT_EQ(manifest.shards.size(), expected.manifest().shards.size());
  for (const Part each : AllParts()) {
    EXPECT_EQ(dataset.ShardsOf(each), expected.ShardsOf(each));
    EXPECT_EQ(manifest.TaskCount(each), expected.manifest().TaskCount(each));
    EXPECT_EQ(manifest.EventCount(each), expected.manifest().EventCount(each));
  }
  for (int64_t i = 0; i < std::ssize(manifest.shards); ++i) {
    ExpectEqual(ContentOf(dataset.Shard(i)), ContentOf(expected.Shard(i)));
  }
}

TEST(Dataset, WhichShardsAreMissingIsPartOfItsHash) {
  const std::string folder = NewFolder();
  auto shards = Shards();
  shards.insert(shards.begin() + 2, shards[1]);
  std::get<0>(shards[2]) = "train-00002.h5";
  WriteDataset(folder, shards, Users(), Items());
  std::set<std::string> hashes = {ManifestHash(folder)};
  for (const std::vector<BadShard>& bad : {std::vector<BadShard>{{"train-00000.h5", "x"}},
                                           {{"train-00001.h5", "x"}},
                                           {{"train-00000.h5", "x"}, {"train-00001.h5", "y"}}}) {
    Dataset dataset({.path = folder, .max_bad_shards = 2});
    dataset.LeaveOut(bad);
    EXPECT_TRUE(hashes.insert(dataset.Hash()).second);
    Dataset again({.path = folder, .max_bad_shards = 3});
    again.LeaveOut({bad.rbegin(), bad.rend()});  // found in another order, for another reason
    EXPECT_EQ(again.Hash(), dataset.Hash());
  }
}

TEST(Dataset, MoreBadShardsThanAllowedAreRefused) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  Dataset dataset({.path = folder, .max_bad_shards = 1});
  EXPECT_NO_THROW(dataset.LeaveOut({}));
  EXPECT_THAT(
      [&] {
        dataset.LeaveOut({{"train-00000.h5", "it is gone"}, {"train-00001.h5", "it is cut"}});
      },
      ThrowsMessage<DataError>(AllOf(HasSubstr("2 of 4 shards"), HasSubstr("max_bad_shards is 1"),
                                     HasSubstr("it is gone"))));
}

TEST(Dataset, ThePartsOfADataSetAreNotLeftOutAsAWhole) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  Dataset dataset({.path = folder, .max_bad_shards = 4});
  EXPECT_THAT(
      [&] {
        dataset.LeaveOut({{"test-item_cold-00000.h5", "it is cut"}});
      },
      ThrowsMessage<DataError>(AllOf(HasSubstr("test/item_cold"), HasSubstr("it is cut"))));
}

TEST(Dataset, AShardItDoesNotHaveCannotBeLeftOut) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  Dataset dataset({.path = folder, .max_bad_shards = 4});
  EXPECT_THAT(
      [&] {
        dataset.LeaveOut({{"train-00009.h5", "x"}});
      },
      ThrowsMessage<DataError>(HasSubstr("no shard 'train-00009.h5'")));
}

TEST(Dataset, LabelsThatMustNotReachAGradientAreRefused) {
  for (const float label : {5.5F, 0.5F, NAN, INFINITY, -INFINITY}) {
    const std::string folder = NewFolder();
    auto shards = Shards();
    std::get<2>(shards[0]).labels[4] = label;
    WriteDataset(folder, shards, Users(), Items());
    EXPECT_THAT([&] { Dataset({.path = folder}).Shard(0); },
                ThrowsMessage<DataError>(AllOf(HasSubstr("train-00000.h5': /events/label row 4 is"),
                                               HasSubstr("expected 1..5"))));
  }
}

TEST(Dataset, InfiniteFeaturesAreRefused) {
  const std::string folder = NewFolder();
  EntityTable users = Users();
  users.features[1].numbers[2] = INFINITY;
  WriteDataset(folder, Shards(), users, Items());
  EXPECT_THAT([&] { Dataset({.path = folder}); },
              ThrowsMessage<DataError>(HasSubstr("users.h5': feature 'age' entity 2 is inf")));
}

TEST(Dataset, LinksAreNotFollowed) {
  for (const char* file : {"/manifest.json", "/users.h5", "/train-00000.h5"}) {
    const std::string folder = NewFolder();
    WriteDataset(folder);
    std::filesystem::rename(folder + file, folder + file + ".real");
    std::filesystem::create_symlink(folder + file + ".real", folder + file);
    EXPECT_THAT([&] { Dataset({.path = folder}).Shard(0); },
                ThrowsMessage<DataError>(HasSubstr(std::string(file) + "' is a link")));
  }
}

TEST(Dataset, AFifoInPlaceOfAShardIsRefusedWithoutWaiting) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  std::filesystem::remove(folder + "/train-00000.h5");
  ASSERT_EQ(::mkfifo((folder + "/train-00000.h5").c_str(), 0600), 0);
  EXPECT_THAT([&] { Dataset({.path = folder}).Shard(0); },
              ThrowsMessage<DataError>(HasSubstr("not a regular file")));
}

TEST(Dataset, AShardThatChangesWhileInUseIsNoticed) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  const std::string path = folder + "/train-00000.h5";
  const Dataset dataset({.path = folder});
  dataset.Shard(0).CheckUnchanged();
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  dataset.Shard(0).CheckUnchanged();
  const std::string bytes = ReadBytes(path);
  std::filesystem::rename(path, path + ".away");
  EXPECT_THAT([&] { dataset.Shard(0).CheckUnchanged(); },
              ThrowsMessage<DataError>(HasSubstr(path + "' was removed while in use")));
  WriteBytes(path, bytes);  // the same content in another file
  EXPECT_THAT([&] { dataset.Shard(0).CheckUnchanged(); },
              ThrowsMessage<DataError>(HasSubstr(path + "' was changed or replaced while in use")));
}

TEST(Dataset, AFolderThatEverybodyMayWriteIsRefused) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  std::filesystem::permissions(folder, std::filesystem::perms::all);
  EXPECT_THAT([&] { Dataset({.path = folder}); },
              ThrowsMessage<PermissionError>(AllOf(HasSubstr(folder), HasSubstr("owner uid"))));
}

TEST(Dataset, RefusesAnEntityCountUnlikeTheManifest) {
  const std::string folder = NewFolder();
  DatasetManifest manifest = WriteDataset(folder);
  ++manifest.user_count;
  WriteManifest(folder, manifest);
  EXPECT_THAT([&] { Dataset({.path = folder}); },
              ThrowsMessage<DataError>(HasSubstr("has 6 entities, the manifest says 7")));
}

TEST(Dataset, RefusesIndicesBeyondTheTables) {
  const std::string folder = NewFolder();
  auto shards = Shards();
  AddTask(2, {{6, 20, 3}}, &std::get<2>(shards[1]));
  AddTask(6, {{0, 20, 3}}, &std::get<2>(shards[2]));
  WriteDataset(folder, shards, Users(), Items());
  const Dataset dataset({.path = folder});
  EXPECT_THAT([&] { dataset.Shard(1); },
              ThrowsMessage<DataError>(HasSubstr("/events/item row 1 is 6, expected 0..5")));
  EXPECT_THAT([&] { dataset.Shard(2); },
              ThrowsMessage<DataError>(HasSubstr("/tasks/id row 2 is 6, expected 0..5")));
  EXPECT_EQ(dataset.Shard(0).task_count(), 2);
}

TEST(Dataset, AFailedOpenIsTriedAgain) {
  const std::string folder = NewFolder();
  WriteDataset(folder);
  const std::string path = folder + "/train-00000.h5";
  const Dataset dataset({.path = folder});
  std::filesystem::rename(path, path + ".away");
  EXPECT_THROW(dataset.Shard(0), StorageError);
  std::filesystem::rename(path + ".away", path);
  EXPECT_EQ(dataset.Shard(0).task_count(), 2);
}

TEST(Dataset, RefusesAShardWithoutThePromisedTimes) {
  const std::string folder = NewFolder();
  auto shards = Shards();
  std::get<2>(shards[1]).times.clear();
  WriteDataset(folder, shards, Users(), Items());
  EXPECT_THAT([&] { Dataset({.path = folder}).Shard(1); },
              ThrowsMessage<DataError>(HasSubstr("has no /events/time")));
}

// The data set in tests/storage/golden has format version 1 and must stay readable.
// HEARTH_WRITE_GOLDEN=1 writes it anew: use it for a new format version only, in a new folder.
TEST(Dataset, ReadsTheGoldenDataSetOfVersion1) {
  const std::string folder = testing::SourcePath("tests/storage/golden/dataset-v1");
  if (std::getenv("HEARTH_WRITE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(folder);
    WriteDataset(folder);
  }
  const Dataset dataset({.path = folder, .read = ReadMode::kMmap, .verify = true});
  EXPECT_EQ(dataset.manifest().name, "tiny");
  EXPECT_EQ(dataset.manifest().event_count, 12);
  EXPECT_EQ(dataset.manifest().facts.at("truth_rmse/test/user_cold"), 0.75);
  ExpectEqual(dataset.users(), Users());
  ExpectEqual(dataset.items(), Items());
  const auto shards = Shards();
  ASSERT_EQ(dataset.manifest().shards.size(), shards.size());
  for (size_t i = 0; i < shards.size(); ++i) {
    const ShardReader& reader = dataset.Shard(i);
    EXPECT_EQ(dataset.manifest().shards[i].file, std::get<0>(shards[i]));
    ExpectEqual(ContentOf(reader), std::get<2>(shards[i]));
    reader.VerifyColumns(dataset.manifest().shards[i]);
  }
}

// Version 2 adds strengths of positive events. The shards are those of version 1.
TEST(Dataset, ReadsTheGoldenDataSetOfVersion2) {
  const std::string folder = testing::SourcePath("tests/storage/golden/dataset-v2");
  if (std::getenv("HEARTH_WRITE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(folder);
    DatasetManifest manifest = WriteDataset(folder);
    manifest.positive_only = true;
    WriteManifest(folder, manifest);
  }
  const Dataset dataset({.path = folder, .read = ReadMode::kMmap, .verify = true});
  EXPECT_TRUE(dataset.manifest().positive_only);
  EXPECT_TRUE(dataset.manifest().HasStrengths());
  EXPECT_EQ(dataset.manifest().label_max, 5);
  ExpectEqual(ContentOf(dataset.Shard(0)), std::get<2>(Shards()[0]));
}

TEST(Dataset, TheSameContentGivesTheSameBytes) {
  const std::string folder = NewFolder();
  std::filesystem::create_directories(folder + "/a");
  std::filesystem::create_directories(folder + "/b");
  WriteDataset(folder + "/a");
  WriteDataset(folder + "/b");
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/a")) {
    const std::string name = entry.path().filename().string();
    EXPECT_EQ(Sha256OfFile(folder + "/a/" + name), Sha256OfFile(folder + "/b/" + name)) << name;
  }
}

}  // namespace
}  // namespace hearth

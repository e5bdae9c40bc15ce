#include "storage/shard/stage.h"

#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "common/hash.h"
#include "storage/import/synth.h"
#include "storage/shard/dataset.h"
#include "tests/storage/support/file_system_doubles.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Stage : public ::testing::Test {
 protected:
  Stage() {
    fs::remove_all(folder_);
    SynthOptions options;
    options.output = data_;
    options.users = 40;
    options.items = 48;
    options.events_per_user = 10;
    Synthesize(options);
  }
  ~Stage() override { fs::remove_all(folder_); }

  const std::string folder_ = ::testing::TempDir() + "/hearth-stage";
  const std::string data_ = folder_ + "/data", stage_ = folder_ + "/local/disk";
};

TEST_F(Stage, CopyIsTheSameDataSetAndIsMadeOnce) {
  const std::string staged = StageDataset(data_, stage_);
  EXPECT_EQ(ManifestHash(staged), ManifestHash(data_));
  const Dataset dataset({.path = data_, .verify = true, .stage = stage_});
  EXPECT_EQ(dataset.path(), staged);
  fs::remove(data_ + "/users.h5");  // so that a second copy would fail
  EXPECT_EQ(StageDataset(data_, stage_), staged);
}

TEST_F(Stage, ManyProcessesAtOnceGetOneCopy) {
  std::vector<std::thread> threads;
  std::vector<std::string> folders(8);
  for (std::string& folder : folders) {
    threads.emplace_back([&] { folder = StageDataset(data_, stage_); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(folders, ::testing::Each(folders[0]));
  EXPECT_NO_THROW(Dataset({.path = folders[0], .verify = true}));
}

TEST_F(Stage, WhatACrashLeftIsTakenUp) {
  const std::string staged = StageDataset(data_, stage_);
  fs::remove(staged + "/manifest.json");
  fs::remove(staged + "/items.h5");
  std::ofstream(staged + "/items.h5.tmp") << "half";
  EXPECT_EQ(StageDataset(data_, stage_), staged);
  EXPECT_NO_THROW(Dataset({.path = staged, .verify = true}));
}

TEST_F(Stage, EachReadOfSharedStorageFailsOnceAndTheCopyIsWhole) {
  for (int64_t nth = 0;; ++nth) {
    fs::remove_all(stage_);
    FailingFileSystem failing(FileSystem::Posix(), {.call = FileCall::kRead, .nth = nth});
    const ScopedFileSystem scope(failing);
    const std::string staged = StageDataset(data_, stage_);
    for (const auto& entry : fs::directory_iterator(data_)) {
      const std::string name = "/" + entry.path().filename().string();
      EXPECT_EQ(Sha256OfFile(staged + name), Sha256OfFile(data_ + name)) << name;
    }
    if (!failing.failed()) break;
  }
}

TEST_F(Stage, DamagedFileIsRefusedByName) {
  std::ofstream(data_ + "/items.h5", std::ios::app) << "x";
  try {
    StageDataset(data_, stage_);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr(data_ + "/items.h5"));
  }
}

TEST_F(Stage, FolderThatCannotBeMadeIsNamed) {
  std::ofstream(folder_ + "/file") << "x";
  try {
    StageDataset(data_, folder_ + "/file");
    FAIL();
  } catch (const StorageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("data.stage"));
  }
}

}  // namespace
}  // namespace hearth

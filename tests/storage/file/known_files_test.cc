#include "storage/file/known_files.h"

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "storage/file/file_descriptor.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::nanoseconds kNoSettling{0};
const std::string kHash(64, 'a'), kOtherHash(64, 'b');

class KnownFilesTest : public ::testing::Test {
 protected:
  KnownFilesTest() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::ofstream(file_) << "content";
  }
  ~KnownFilesTest() override { fs::remove_all(folder_); }

  FileIdentity Identity() const { return IdentityOf(FileDescriptor::OpenForReading(file_)); }
  void Remember(const FileIdentity& identity) const {
    const std::vector<std::pair<FileIdentity, std::string>> files = {{identity, kHash}};
    KnownFiles(list_, kNoSettling).Remember(files);
  }
  /// Asks like a process that starts now.
  bool IsKnown(const std::string& hash = kHash) const {
    return KnownFiles(list_).Has(Identity(), hash);
  }

  const std::string folder_ = ::testing::TempDir() + "/known-files-" + std::to_string(::getpid());
  const std::string file_ = folder_ + "/shard.h5";
  const std::string list_ = folder_ + "/cache/hearth/list";
};

TEST_F(KnownFilesTest, RemembersAFileAndItsHashAcrossProcesses) {
  EXPECT_FALSE(IsKnown());
  Remember(Identity());
  EXPECT_TRUE(IsKnown());
  EXPECT_FALSE(IsKnown(kOtherHash));
  EXPECT_EQ(fs::status(list_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(KnownFilesTest, SeesWhatAnotherProcessRemembersMeanwhile) {
  KnownFiles known(list_);
  EXPECT_FALSE(known.Has(Identity(), kHash));
  Remember(Identity());
  EXPECT_TRUE(known.Has(Identity(), kHash));
}

TEST_F(KnownFilesTest, AnyChangeMakesAFileUnknown) {
  const FileIdentity identity = Identity();
  for (int64_t FileIdentity::*field :
       {&FileIdentity::device, &FileIdentity::inode, &FileIdentity::size_bytes,
        &FileIdentity::modified_nsec, &FileIdentity::changed_nsec}) {
    FileIdentity other = identity;
    ++(other.*field);
    Remember(other);
  }
  EXPECT_FALSE(IsKnown());
}

TEST_F(KnownFilesTest, PuttingTheModificationTimeBackDoesNotHideAChange) {
  const auto time = fs::last_write_time(file_);
  Remember(Identity());
  std::ofstream(file_) << "CONTENT";
  fs::last_write_time(file_, time);
  EXPECT_EQ(fs::last_write_time(file_), time);
  EXPECT_FALSE(IsKnown());
}

TEST_F(KnownFilesTest, AFileThatWasJustChangedIsNotRemembered) {
  const std::vector<std::pair<FileIdentity, std::string>> files = {{Identity(), kHash}};
  KnownFiles(list_, std::chrono::hours(1)).Remember(files);
  EXPECT_FALSE(IsKnown());
}

TEST_F(KnownFilesTest, ALostOrDamagedListCostsTimeAlone) {
  Remember(Identity());
  fs::remove(list_);
  EXPECT_FALSE(IsKnown());
  fs::create_directories(fs::path(list_).parent_path());
  std::ofstream(list_, std::ios::binary)
      << std::string("\0\xFF 1 2\n\n-9", 11) << std::string(99, '7');
  EXPECT_FALSE(IsKnown());
  std::ofstream(list_, std::ios::app) << "\n";
  fs::permissions(list_, fs::perms::owner_read | fs::perms::owner_write);
  Remember(Identity());
  EXPECT_TRUE(IsKnown());
}

TEST_F(KnownFilesTest, AListThatOthersMayWriteOrThatIsALinkIsNotBelieved) {
  Remember(Identity());
  fs::permissions(list_, fs::perms::group_write, fs::perm_options::add);
  EXPECT_FALSE(IsKnown());
  fs::permissions(list_, fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_TRUE(IsKnown());
  fs::rename(list_, list_ + ".real");
  fs::create_symlink(list_ + ".real", list_);
  EXPECT_FALSE(IsKnown());
}

TEST_F(KnownFilesTest, AFolderThatCannotBeMadeIsNoError) {
  std::ofstream(folder_ + "/cache") << "a file";
  Remember(Identity());
  EXPECT_FALSE(IsKnown());
  KnownFiles nowhere("");
  nowhere.Remember(std::vector<std::pair<FileIdentity, std::string>>{{Identity(), kHash}});
  EXPECT_FALSE(nowhere.Has(Identity(), kHash));
}

TEST_F(KnownFilesTest, AListThatGrewTooLongStartsAnew) {
  Remember(Identity());
  {
    std::ofstream list(list_, std::ios::app);
    for (int i = 0; i < 100'000; ++i) list << std::string(60, 'x') << '\n';
  }
  EXPECT_TRUE(IsKnown());
  Remember({.device = 1});
  EXPECT_FALSE(IsKnown());
  EXPECT_LT(fs::file_size(list_), 1000U);
  Remember(Identity());
  EXPECT_TRUE(IsKnown());
}

TEST_F(KnownFilesTest, ManyWritersAtOnceLoseNothing) {
  std::vector<std::thread> writers;
  for (int64_t writer = 0; writer < 8; ++writer) {
    writers.emplace_back([this, writer] {
      for (int64_t inode = 0; inode < 50; ++inode) Remember({.device = writer, .inode = inode});
    });
  }
  for (std::thread& writer : writers) writer.join();
  KnownFiles known(list_);
  for (int64_t writer = 0; writer < 8; ++writer) {
    for (int64_t inode = 0; inode < 50; ++inode) {
      EXPECT_TRUE(known.Has({.device = writer, .inode = inode}, kHash));
    }
  }
}

}  // namespace
}  // namespace hearth

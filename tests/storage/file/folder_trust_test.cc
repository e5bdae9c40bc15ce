#include "storage/file/folder_trust.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class FolderTrust : public ::testing::Test {
 protected:
  FolderTrust() {
    std::filesystem::create_directories(folder_);
    Set(parent_, 0755);
    Set(folder_, 0755);
  }
  ~FolderTrust() override { std::filesystem::remove_all(parent_); }

  static void Set(const std::string& path, mode_t mode) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }

  const std::string parent_ = ::testing::TempDir() + "/trust-" + std::to_string(::getpid());
  const std::string folder_ = parent_ + "/data";
};

TEST_F(FolderTrust, ItsOwnersFolderIsTrusted) {
  for (const mode_t mode : {0700, 0755, 0750, 0555}) {
    Set(folder_, mode);
    EXPECT_NO_THROW(RequireTrustedFolder(folder_)) << mode;
  }
}

TEST_F(FolderTrust, AFolderForEverybodyIsRefusedWithItsOwner) {
  Set(folder_, 0777);
  EXPECT_THAT([&] { RequireTrustedFolder(folder_); },
              ThrowsMessage<PermissionError>(AllOf(HasSubstr("'" + folder_ + "'"),
                                                   HasSubstr(fmt::format("uid {}", ::geteuid())),
                                                   HasSubstr("mode 777"), HasSubstr("chmod o-w"))));
}

TEST_F(FolderTrust, SoIsAFolderThatEverybodyMayReplace) {
  Set(parent_, 0777);
  EXPECT_THAT([&] { RequireTrustedFolder(folder_); },
              ThrowsMessage<PermissionError>(HasSubstr("/..")));
}

TEST_F(FolderTrust, TheStickyBitKeepsOthersAway) {
  Set(parent_, 01777);
  EXPECT_NO_THROW(RequireTrustedFolder(folder_));
}

TEST_F(FolderTrust, AFolderForAGroupIsTrustedWithAWarning) {
  Set(folder_, 0770);
  EXPECT_NO_THROW(RequireTrustedFolder(folder_));
}

TEST_F(FolderTrust, AMissingFolderIsLeftToWhoeverOpensFiles) {
  EXPECT_NO_THROW(RequireTrustedFolder(folder_ + "/none"));
}

}  // namespace
}  // namespace hearth

#include "storage/shard/file_gate.h"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "common/hash.h"
#include "tests/storage/shard/dataset_fixture.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using testing_data::NewFolder;
using testing_data::WriteBytes;

constexpr auto kNothing = [] {};

class FileGateTest : public ::testing::Test {
 protected:
  /// Remembers the file although it is new.
  void Remember(const FileDescriptor& file, const std::string& content) const {
    const std::vector<std::pair<FileIdentity, std::string>> files = {
        {IdentityOf(file), Sha256Hex(content)}};
    KnownFiles(list_, std::chrono::nanoseconds(0)).Remember(files);
  }
  FileDescriptor Write(const std::string& name, const std::string& content) const {
    WriteBytes(folder_ + "/" + name, content);
    return OpenListedFile(folder_ + "/" + name);
  }

  const std::string folder_ = NewFolder(), list_ = folder_ + "/cache/list";
};

TEST_F(FileGateTest, ParsesWhatHasTheRightHashInAnotherProcess) {
  const FileDescriptor file = Write("a", "content");
  bool parsed_here = false;
  FileGate(list_).Admit({{&file, Sha256Hex("content"), [&] { parsed_here = true; }}});
  EXPECT_FALSE(parsed_here);
}

TEST_F(FileGateTest, AWrongHashIsFoundBeforeParsing) {
  const FileDescriptor file = Write("a", "damage");
  const auto parse = [] { throw DataError("parsed"); };
  EXPECT_THAT(
      [&] {
        FileGate(list_).Admit({{&file, Sha256Hex("content"), parse}});
      },
      ThrowsMessage<DataError>(AllOf(HasSubstr(folder_ + "/a"), HasSubstr(Sha256Hex("damage")),
                                     HasSubstr(Sha256Hex("content")))));
}

TEST_F(FileGateTest, ACrashOfTheParserNamesTheFile) {
  const FileDescriptor a = Write("a", "a"), b = Write("b", "b"), c = Write("c", "c");
  const auto crash = [] { ::raise(SIGSEGV); };
  EXPECT_THAT(
      [&] {
        FileGate(list_).Admit({{&a, Sha256Hex("a"), kNothing},
                               {&b, Sha256Hex("b"), crash},
                               {&c, Sha256Hex("c"), kNothing}});
      },
      ThrowsMessage<DataError>(
          AllOf(HasSubstr(folder_ + "/b' cannot be read safely"), HasSubstr("signal 11"))));
}

TEST_F(FileGateTest, AKnownFileIsNeitherReadNorParsedAgain) {
  const FileDescriptor file = Write("a", "content");
  const auto parse = [] { throw DataError("parsed"); };
  EXPECT_THROW(FileGate(list_).Admit({{&file, Sha256Hex("content"), parse}}), DataError);
  Remember(file, "content");
  EXPECT_NO_THROW(FileGate(list_).Admit({{&file, Sha256Hex("content"), parse}}));
  EXPECT_THROW(FileGate(list_).Admit({{&file, Sha256Hex("other"), parse}}), DataError);
}

TEST_F(FileGateTest, AKnownFileThatChangedIsReadAgain) {
  const FileDescriptor before = Write("a", "content");
  Remember(before, "content");
  const FileDescriptor after = Write("a", "CONTENT");
  EXPECT_THROW(FileGate(list_).Admit({{&after, Sha256Hex("content"), kNothing}}), DataError);
}

TEST_F(FileGateTest, WhatWasRefusedIsNotRemembered) {
  const FileDescriptor good = Write("a", "a"), bad = Write("b", "b");
  const auto refuse = [] { throw DataError("refused"); };
  for (int round = 0; round < 2; ++round) {
    EXPECT_THROW(
        FileGate(list_).Admit({{&good, Sha256Hex("a"), kNothing}, {&bad, Sha256Hex("b"), refuse}}),
        DataError);
  }
}

TEST_F(FileGateTest, OpenListedFileRefusesLinksAndOtherThings) {
  Write("a", "content");
  std::filesystem::create_symlink("a", folder_ + "/link");
  EXPECT_THAT([&] { OpenListedFile(folder_ + "/link"); },
              ThrowsMessage<DataError>(HasSubstr("/link' is a link")));
  std::filesystem::create_directory(folder_ + "/folder");
  EXPECT_THROW(OpenListedFile(folder_ + "/folder"), DataError);
  EXPECT_THROW(OpenListedFile(folder_ + "/none"), StorageError);
}

}  // namespace
}  // namespace hearth

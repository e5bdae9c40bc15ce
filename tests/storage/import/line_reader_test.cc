#include "storage/import/line_reader.h"

#include "common/utf8.h"
#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using import_testing::MessageOf;
using import_testing::ScratchFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> LinesOf(const std::string& path) {
  LineReader reader(path);
  std::vector<std::string> lines;
  while (reader.Next()) lines.emplace_back(reader.line());
  return lines;
}

TEST(LineReader, TakesBothLineEndsAndALastLineWithoutOne) {
  const ScratchFolder folder;
  EXPECT_THAT(LinesOf(folder.Write("a", "one\r\ntwo\n\nfour")),
              ElementsAre("one", "two", "", "four"));
  EXPECT_THAT(LinesOf(folder.Write("b", "one\n")), ElementsAre("one"));
  EXPECT_THAT(LinesOf(folder.Write("c", "")), ElementsAre());
}

TEST(LineReader, TakesLinesThatEndInCrAlone) {
  const ScratchFolder folder;
  EXPECT_THAT(LinesOf(folder.Write("a", "one\rtwo\r\rfour")),
              ElementsAre("one", "two", "", "four"));
  EXPECT_THAT(LinesOf(folder.Write("b", "one\rtwo\nthree\n")), ElementsAre("one\rtwo", "three"));
}

TEST(LineReader, DropsAByteOrderMark) {
  const ScratchFolder folder;
  EXPECT_THAT(LinesOf(folder.Write("a", "\xEF\xBB\xBFuser\nx")), ElementsAre("user", "x"));
}

TEST(LineReader, DecidesTheEncodingLineByLine) {
  const ScratchFolder folder;
  EXPECT_THAT(LinesOf(folder.Write("a", "caf\xE9\ncaf\xC3\xA9\nplain\n")),
              ElementsAre("caf\xC3\xA9", "caf\xC3\xA9", "plain"));
}

TEST(LineReader, TakesMalformedUtf8AsLatin1) {
  const ScratchFolder folder;
  for (const std::string bad : {"\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\x80",
                                "\xF0\x80\x80\x80", "\xF4\x90\x80\x80"}) {
    EXPECT_THAT(LinesOf(folder.Write("a", bad)), ElementsAre(Latin1ToUtf8(bad)));
  }
  const std::string good = "\xE2\x82\xAC \xF0\x9F\x8E\xAC";
  EXPECT_THAT(LinesOf(folder.Write("a", good)), ElementsAre(good));
}

TEST(LineReader, FlagsALineOverTheLimitAndGoesOnBehindIt) {
  const ScratchFolder folder;
  const std::string longest(LineReader::kMaxLineBytes, 'a');
  const std::string path =
      folder.Write("a", longest + "\n" + longest + "b\nnext\n" + longest + "cd");
  LineReader reader(path);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.fault(), LineReader::Fault::kNone);
  EXPECT_EQ(reader.line().size(), LineReader::kMaxLineBytes);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.fault(), LineReader::Fault::kTooLong);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.line(), "next");
  EXPECT_EQ(reader.line_number(), 3);
  EXPECT_EQ(reader.fault(), LineReader::Fault::kNone);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.fault(), LineReader::Fault::kTooLong);
  EXPECT_FALSE(reader.Next());
}

TEST(LineReader, FlagsANulByte) {
  const ScratchFolder folder;
  LineReader reader(folder.Write("a", std::string_view("a\0b\nc\n", 6)));
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.fault(), LineReader::Fault::kNulByte);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.fault(), LineReader::Fault::kNone);
}

TEST(LineReader, RefusesAMissingFileAndAFolder) {
  const ScratchFolder folder;
  EXPECT_THAT(MessageOf<DataError>([&] { LineReader reader(folder / "none"); }),
              HasSubstr("none: No such file"));
  EXPECT_THAT(MessageOf<DataError>([&] { LineReader reader(folder.path()); }),
              HasSubstr("is a folder"));
}

}  // namespace
}  // namespace hearth

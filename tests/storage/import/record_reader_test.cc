#include "storage/import/record_reader.h"

#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using import_testing::MessageOf;
using import_testing::ScratchFolder;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Record = std::vector<std::string>;

std::vector<Record> RecordsOf(std::string_view text, const RecordFormat& format,
                              BadRows* bad_rows) {
  const ScratchFolder folder;
  RecordReader reader(folder.Write("f", text), format, bad_rows);
  std::vector<Record> records;
  while (reader.Next()) records.emplace_back(reader.fields().begin(), reader.fields().end());
  return records;
}

std::vector<Record> RecordsOf(std::string_view text, const RecordFormat& format) {
  BadRows bad_rows(BadRowRule::kRefuse, 0);
  return RecordsOf(text, format, &bad_rows);
}

TEST(RecordReader, SplitsAtSeparatorsOfAnyLength) {
  EXPECT_THAT(RecordsOf("1::2::3\n4::::6\n", {"::", false}),
              ElementsAre(Record{"1", "2", "3"}, Record{"4", "", "6"}));
}

TEST(RecordReader, PassesOverEmptyLines) {
  EXPECT_THAT(RecordsOf("\na,b\n\r\n\nc,d", {",", false}),
              ElementsAre(Record{"a", "b"}, Record{"c", "d"}));
}

TEST(RecordReader, ReadsQuotesAsRfc4180) {
  EXPECT_THAT(RecordsOf("1,\"American President, The (1995)\",x\n"
                        "\"a\"\"b\",,\"\"\n"
                        "2,\"two\r\nlines\",y\n",
                        {",", true}),
              ElementsAre(Record{"1", "American President, The (1995)", "x"},
                          Record{"a\"b", "", ""}, Record{"2", "two\nlines", "y"}));
}

TEST(RecordReader, LeavesQuotesAloneWhereTheFormatHasNone) {
  EXPECT_THAT(RecordsOf("\"a\tb\"\n", {"\t", false}), ElementsAre(Record{"\"a", "b\""}));
}

TEST(RecordReader, TakesAQuoteInsideAFieldAsItIs) {
  EXPECT_THAT(
      RecordsOf("5\" disk,x\na,the \"best\" one\n\"q\",19\"\n", {",", true}),
      ElementsAre(Record{"5\" disk", "x"}, Record{"a", "the \"best\" one"}, Record{"q", "19\""}));
}

TEST(RecordReader, TakesEscapedQuotesIfAsked) {
  const RecordFormat format{",", true, '\\'};
  EXPECT_THAT(RecordsOf("\"a \\\"b\\\", c\",1\n\"two\nlines\\\\\",2\n", format),
              ElementsAre(Record{"a \"b\", c", "1"}, Record{"two\nlines\\", "2"}));
  BadRows bad_rows(BadRowRule::kRefuse, 0);
  EXPECT_THAT(MessageOf<DataError>([&] {
                RecordsOf("\"a \\\"b\\\", c\",1\n", {",", true}, &bad_rows);
              }),
              HasSubstr("--escape"));
}

TEST(RecordReader, LosesOnlyTheLineWithAStrayQuote) {
  BadRows bad_rows(BadRowRule::kSkip, 10);
  // Line 2 opens a quote. It would close in line 4 or never; the other lines are rows.
  for (const std::string end : {"u4,\"quoted\",4\n", "u4,x\",4\n", "u4,x,4\n"}) {
    const auto records = RecordsOf("u1,x,1\nu2,\"x,2\nu3,x,3\n" + end, {",", true}, &bad_rows);
    ASSERT_EQ(records.size(), 3U) << end;
    EXPECT_EQ(records[0][0], "u1");
    EXPECT_EQ(records[1][0], "u3");
    EXPECT_EQ(records[2][0], "u4");
  }
  EXPECT_EQ(bad_rows.count(), 3);
}

TEST(RecordReader, PeeksWithoutTakingOrRejecting) {
  const ScratchFolder folder;
  BadRows bad_rows(BadRowRule::kSkip, 10);
  RecordReader reader(folder.Write("f", "a;b\n\n\"two\nlines\";c\n\"open;d\ne;f\ng;h\n"),
                      {"\n", false}, &bad_rows);
  EXPECT_THAT(reader.Peek(1), ElementsAre(Record{"a;b"}));
  reader.SetFormat({";", true});
  const auto expected =
      ElementsAre(Record{"a", "b"}, Record{"two\nlines", "c"}, Record{"e", "f"}, Record{"g", "h"});
  EXPECT_THAT(reader.Peek(100), expected);
  EXPECT_THAT(reader.Peek(2), ElementsAre(Record{"a", "b"}, Record{"two\nlines", "c"}));
  EXPECT_EQ(bad_rows.count(), 0);
  std::vector<Record> records;
  std::vector<int64_t> lines;
  while (reader.Next()) {
    records.emplace_back(reader.fields().begin(), reader.fields().end());
    lines.push_back(reader.place().line);
  }
  EXPECT_THAT(records, expected);
  EXPECT_THAT(lines, ElementsAre(1, 3, 6, 7));
  EXPECT_EQ(bad_rows.count(), 1);
}

TEST(RecordReader, RequiresItsFieldsAndTakesOneEmptyOneMore) {
  const ScratchFolder folder;
  BadRows bad_rows(BadRowRule::kSkip, 10);
  RecordReader reader(folder.Write("f", "a,b,\na,b,c\na,b,,\na\n"), {",", false}, &bad_rows);
  for (const bool good : {true, false, false, false}) {
    ASSERT_TRUE(reader.Next());
    EXPECT_EQ(reader.Require(2), good);
  }
  EXPECT_EQ(bad_rows.count(), 3);
}

TEST(RecordReader, RejectsBrokenQuotesNulBytesAndLongLines) {
  BadRows bad_rows(BadRowRule::kSkip, 10);
  const std::string text = "ok,1\n\"a\"b,2\n" + std::string("n\0l,3\n", 6) +
                           std::string(LineReader::kMaxLineBytes + 1, 'x') + "\nlast,4\n\"open,5";
  EXPECT_THAT(RecordsOf(text, {",", true}, &bad_rows),
              ElementsAre(Record{"ok", "1"}, Record{"last", "4"}));
  EXPECT_EQ(bad_rows.count(), 4);
}

TEST(RecordReader, NamesFileAndLineOfARecordTooShort) {
  const ScratchFolder folder;
  BadRows bad_rows(BadRowRule::kRefuse, 0);
  RecordReader reader(folder.Write("short.tsv", "a\tb\tc\nd\te\n"), {"\t", false}, &bad_rows);
  ASSERT_TRUE(reader.Next());
  EXPECT_TRUE(reader.Require(3));
  ASSERT_TRUE(reader.Next());
  EXPECT_THAT(MessageOf<DataError>([&] { reader.Require(3); }),
              AllOf(HasSubstr("short.tsv:2"), HasSubstr("2 fields"), HasSubstr("expected 3"),
                    HasSubstr("--on-bad-row skip")));
}

TEST(BadRows, RefusesMoreThanTheLimitAndShowsTheLast) {
  BadRows bad_rows(BadRowRule::kSkip, 2);
  bad_rows.Reject({"f", 1}, "label", "x", "not a number");
  bad_rows.Reject({"f", 2}, "label", "y", "not a number");
  EXPECT_THAT(MessageOf<DataError>([&] {
                bad_rows.Reject({"f", 7}, "label", "z\x01", "not a number");
              }),
              AllOf(HasSubstr("3 bad rows"), HasSubstr("--max-bad 2"),
                    HasSubstr("f:7: label is 'z\\x01'")));
}

}  // namespace
}  // namespace hearth

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

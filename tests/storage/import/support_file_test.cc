#include "storage/import/support_file.h"

#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using import_testing::MessageOf;
using import_testing::ScratchFolder;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Row = std::tuple<std::string, std::string, std::optional<float>, int64_t>;

std::vector<Row> RowsOf(const std::string& name, std::string_view text) {
  const ScratchFolder folder;
  std::vector<Row> rows;
  for (const SupportRow& row : ReadSupportRows(folder.Write(name, text))) {
    rows.emplace_back(row.user, row.item, row.label, row.line);
  }
  return rows;
}

std::string RefusalOf(std::string_view text, const std::string& name = "s.tsv") {
  return MessageOf<DataError>([&] { RowsOf(name, text); });
}

TEST(SupportFile, ReadsColumnsInAnyOrderWithTheirLines) {
  EXPECT_THAT(RowsOf("s.tsv", "label\tnote\titem\tuser\n3\tx\ti1\tu\n\n -2.5 \ty\t i2 \tv\n"),
              ElementsAre(Row("u", "i1", 3.0f, 2), Row("v", "i2", -2.5f, 4)));
}

TEST(SupportFile, WithoutUsersAllRowsAreOfOneNewUser) {
  EXPECT_THAT(RowsOf("s.tsv", "item\tlabel\ni1\t3\ni2\t4\n"),
              ElementsAre(Row("new", "i1", 3.0f, 2), Row("new", "i2", 4.0f, 3)));
}

TEST(SupportFile, WithoutLabelsRowsHaveNone) {
  EXPECT_THAT(RowsOf("s.tsv", "item\ni1\n"), ElementsAre(Row("new", "i1", std::nullopt, 2)));
}

TEST(SupportFile, TheEndOfTheNameTellsTheSeparator) {
  EXPECT_THAT(RowsOf("s.csv", "user,item,label\nu,\"i,1\",3\n"),
              ElementsAre(Row("u", "i,1", 3.0f, 2)));
  EXPECT_THAT(RowsOf("s.txt", "user\titem\nu\ti,1\n"),
              ElementsAre(Row("u", "i,1", std::nullopt, 2)));
}

TEST(SupportFile, OneItemMayBeGivenByTwoUsers) {
  EXPECT_EQ(RowsOf("s.tsv", "user\titem\nu\ti\nv\ti\n").size(), 2u);
}

TEST(SupportFile, RefusesAFileWithoutItemsOrRows) {
  const auto refused = [](const char* why) {
    return AllOf(HasSubstr("support file '"), HasSubstr(why),
                 HasSubstr("it needs a header line with 'item', 'label' and, for several users, "
                           "'user', separated by tabs"));
  };
  EXPECT_THAT(RefusalOf(""), refused("it is empty"));
  EXPECT_THAT(RefusalOf("movie\tlabel\nx\t3\n"), refused("its header has no column 'item'"));
  EXPECT_THAT(RefusalOf("item\tlabel\n"), refused("it has a header but no rows"));
  EXPECT_THAT(RefusalOf("", "s.csv"), HasSubstr("separated by commas"));
}

TEST(SupportFile, RefusesARowWithItsPlaceColumnAndValue) {
  EXPECT_THAT(RefusalOf("item\tlabel\ni1\t3\ni2\tgood\n"),
              HasSubstr("s.tsv:3: label is 'good': not a number"));
  EXPECT_THAT(RefusalOf("item\tlabel\ni1\tinf\n"), HasSubstr("s.tsv:2: label is 'inf'"));
  EXPECT_THAT(RefusalOf("item\tlabel\ni1\t\n"),
              HasSubstr("s.tsv:2: label is '': a label is missing"));
  EXPECT_THAT(RefusalOf("user\titem\nu\ti\nv\ti\nu\ti\n"),
              HasSubstr("s.tsv:4: item is 'i': given twice for this user"));
  EXPECT_THAT(RefusalOf("item\tlabel\ni1\n"), HasSubstr("s.tsv:2: 1 fields separated by '\\t'"));
  EXPECT_THAT(RefusalOf("item\titem\ni1\ti2\n"), HasSubstr("column 'item' occurs twice"));
}

TEST(SupportFile, RefusesForACallerThatKnowsMore) {
  const SupportRow row{.user = "u", .item = "i9", .label = 3.0f, .line = 7};
  EXPECT_THAT(MessageOf<DataError>(
                  [&] { RefuseSupportRow("f.tsv", row, "item", row.item, "no such item"); }),
              HasSubstr("f.tsv:7: item is 'i9': no such item"));
}

TEST(SupportFile, RefusesAMissingFile) {
  const ScratchFolder folder;
  EXPECT_THAT(MessageOf<DataError>([&] { ReadSupportRows(folder / "none.tsv"); }),
              HasSubstr("none.tsv: No such file"));
}

TEST(UserLines, AreTrimmedAndBlankOnesPassedOver) {
  const ScratchFolder folder;
  const std::vector<UserLine> users = ReadUserLines(folder.Write("u", "\n u1 \n\t\nu2\r\nu1"));
  ASSERT_EQ(users.size(), 3u);
  EXPECT_EQ(users[0].user, "u1");
  EXPECT_EQ(users[0].line, 2);
  EXPECT_EQ(users[1].user, "u2");
  EXPECT_EQ(users[1].line, 4);
  EXPECT_EQ(users[2].user, "u1");
  EXPECT_EQ(users[2].line, 5);
}

TEST(UserLines, RefuseAFileWithoutIds) {
  const ScratchFolder folder;
  EXPECT_THAT(MessageOf<DataError>([&] { ReadUserLines(folder.Write("u", " \n\n")); }),
              AllOf(HasSubstr("/u' names no user"), HasSubstr("one original id per line")));
}

}  // namespace
}  // namespace hearth

#include "storage/import/importers.h"
#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using namespace import_testing;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CtrLogs : public ::testing::Test {
 protected:
  ScratchFolder folder_;
  BadRows bad_rows_{BadRowRule::kRefuse, 0};
  ColumnOptions options_;
};

// A row of Criteo; the numbers are I1 = 1, I2 missing, I3 = 3, ..., the categories c1, c2, ....
std::string CriteoRow(const std::string& label, const std::string& c1, const std::string& c2,
                      const std::string& separator = "\t") {
  std::string row = label;
  for (int i = 1; i <= 13; ++i) row += separator + (i == 2 ? "" : std::to_string(i));
  row += separator + c1 + separator + c2;
  for (int i = 3; i <= 26; ++i) row += fmt::format("{}{:08x}", separator, 7 * i);
  return row + "\n";
}

TEST_F(CtrLogs, CriteoNeedsColumnsForUsersAndItems) {
  const std::string file = folder_.Write("train.txt", CriteoRow("1", "68fd1e64", "80e26c9b"));
  const auto open = [&] { MakeCriteoSource(file, options_, "", &bad_rows_); };
  EXPECT_THAT(MessageOf<UsageError>(open),
              AllOf(HasSubstr("--user-col"), HasSubstr("label, I1, I2"), HasSubstr("C26")));
  options_.user_column = "C1";
  EXPECT_THAT(MessageOf<UsageError>(open), HasSubstr("--item-col"));
  options_.item_column = "C99";
  EXPECT_THAT(MessageOf<DataError>(open), HasSubstr("no column 'C99'"));
}

TEST_F(CtrLogs, ReadsCriteoRawAndWithAHeader) {
  options_.user_column = "C1";
  options_.item_column = "C2";
  const auto expected =
      ElementsAre(Event{"68fd1e64", "80e26c9b", 1}, Event{"287e684f", "0a519c5c", 0});
  const std::string raw =
      CriteoRow("1", "68fd1e64", "80e26c9b") + CriteoRow("0", "287e684f", "0a519c5c");
  EXPECT_THAT(
      EventsOf(MakeCriteoSource(folder_.Write("train.txt", raw), options_, "", &bad_rows_).get()),
      expected);
  std::string header = "Id,Label";
  for (int i = 1; i <= 13; ++i) header += fmt::format(",I{}", i);
  for (int i = 1; i <= 26; ++i) header += fmt::format(",C{}", i);
  const std::string csv = header + "\r\n7," + CriteoRow("1", "68fd1e64", "80e26c9b", ",") + "8," +
                          CriteoRow("0", "287e684f", "0a519c5c", ",");
  const auto source = MakeCriteoSource(folder_.Write("c.csv", csv), options_, "", &bad_rows_);
  EXPECT_THAT(EventsOf(source.get()), expected);
  EXPECT_THAT(source->notes(), AllOf(Contains(HasSubstr("users are the values of C1")),
                                     Contains(HasSubstr("--duplicates keep"))));
}

TEST_F(CtrLogs, CountsEmptyCategoriesOfCriteoAsMissingIds) {
  options_.user_column = "C1";
  options_.item_column = "C2";
  bad_rows_ = BadRows(BadRowRule::kSkip, 9);
  const std::string file = folder_.Write(
      "train.txt", CriteoRow("1", "", "80e26c9b") + CriteoRow("1", "68fd1e64", "80e26c9b"));
  EXPECT_EQ(EventsOf(MakeCriteoSource(file, options_, "", &bad_rows_).get()).size(), 1U);
  EXPECT_EQ(bad_rows_.count(), 1);
}

TEST_F(CtrLogs, TakesRowsOfCriteoThatLackTheirLastTabs) {
  options_.user_column = "C1";
  options_.item_column = "C2";
  bad_rows_ = BadRows(BadRowRule::kSkip, 9);
  const std::string whole = CriteoRow("1", "68fd1e64", "80e26c9b");
  const auto without = [&](int count) {
    std::string row = whole.substr(0, whole.size() - 1);
    for (; count > 0; --count) row.resize(row.rfind('\t'));
    return row + "\n";
  };
  const std::string text = without(2) + whole + without(3) + without(4);
  EXPECT_EQ(EventsOf(MakeCriteoSource(folder_.Write("t.txt", text), options_, "", &bad_rows_).get())
                .size(),
            3U);
  EXPECT_EQ(bad_rows_.count(), 1);
  options_.item_column = "C26";
  EXPECT_EQ(EventsOf(MakeCriteoSource(folder_.Write("t.txt", text), options_, "", &bad_rows_).get())
                .size(),
            1U)
      << "C26 is missing in the other rows";
  EXPECT_EQ(bad_rows_.count(), 4);
}

TEST_F(CtrLogs, RefusesTheUnlabelledTestFileOfCriteo) {
  options_.user_column = "C1";
  options_.item_column = "C2";
  const std::string file =
      folder_.Write("test.txt", CriteoRow("1", "68fd1e64", "80e26c9b").substr(2));
  EXPECT_THAT(MessageOf<DataError>([&] { MakeCriteoSource(file, options_, "", &bad_rows_); }),
              AllOf(HasSubstr("39 fields"), HasSubstr("the format has 40"), HasSubstr("label")));
}

constexpr std::string_view kAvazu =
    "id,click,hour,C1,banner_pos,site_id,device_id,device_ip,C14,C20\n"
    "1000009418151094273,0,14102100,1005,0,1fbe01fe,a99f214a,ddd2926e,15706,-1\n"
    "10000169349117863715,1,14103023,1005,0,1fbe01fe,a99f214a,96809ac8,15704,100084\n";

TEST_F(CtrLogs, ReadsAvazu) {
  const std::string file = folder_.Write("train.csv", kAvazu);
  const auto source = MakeAvazuSource(file, options_, "", &bad_rows_);
  // 2014-10-21 00:00 and 2014-10-30 23:00, UTC.
  EXPECT_THAT(EventsOf(source.get()), ElementsAre(Event{"ddd2926e", "15706", 0, 1413849600},
                                                  Event{"96809ac8", "15704", 1, 1414710000}));
  EXPECT_THAT(source->notes(), AllOf(Contains(HasSubstr("device_ip")), Contains(HasSubstr("C14")),
                                     Contains(HasSubstr("yymmddhh"))));
}

TEST_F(CtrLogs, OptionsChooseOtherColumnsOfAvazu) {
  options_.user_column = "device_id";
  options_.item_column = "site_id";
  const std::string file = folder_.Write("train.csv", kAvazu);
  const auto source = MakeAvazuSource(file, options_, "C1", &bad_rows_);
  EXPECT_THAT(EventsOf(source.get()),
              ElementsAre(Event{"1005", "1fbe01fe", 0, 1413849600, 0, "", "a99f214a"},
                          Event{"1005", "1fbe01fe", 1, 1414710000, 0, "", "a99f214a"}));
  EXPECT_THAT(source->notes(), Contains(HasSubstr("a99f214a stands for no id")));
}

TEST_F(CtrLogs, TakesMinusOneOfAvazuForNoId) {
  options_.item_column = "C20";
  const std::string file = folder_.Write("train.csv", kAvazu);
  EXPECT_THAT(MessageOf<DataError>(
                  [&] { EventsOf(MakeAvazuSource(file, options_, "", &bad_rows_).get()); }),
              AllOf(HasSubstr("C20 is '-1'"), HasSubstr("not an id")));
}

TEST_F(CtrLogs, RefusesOtherTables) {
  EXPECT_THAT(MessageOf<DataError>([&] {
                MakeAvazuSource(folder_.Write("t.csv", "user,item\na,b\n"), options_, "",
                                &bad_rows_);
              }),
              HasSubstr("no column 'device_ip'"));
  EXPECT_THAT(
      MessageOf<DataError>([&] { MakeAvazuSource(folder_ / "none", options_, "", &bad_rows_); }),
      HasSubstr("cannot read"));
}

}  // namespace
}  // namespace hearth

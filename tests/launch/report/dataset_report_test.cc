#include "launch/report/dataset_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/storage/shard/dataset_fixture.h"

namespace hearth {
namespace {

using ::testing::HasSubstr;

DatasetSummary TinySummary() {
  const std::string folder = testing_data::NewFolder();
  testing_data::WriteDataset(folder);
  return DescribeDataset(Dataset({.path = folder}));
}

TEST(DatasetReport, AnEmptySummaryHasItsTables) {
  EXPECT_THAT(ToText(DatasetSummary{}), HasSubstr("events"));
}

TEST(DatasetReport, TextNamesPartsAndDates) {
  const std::string text = ToText(TinySummary());
  EXPECT_THAT(text, HasSubstr("Data set tiny"));
  EXPECT_THAT(text, HasSubstr("1970-01-01 00:03"));
  EXPECT_THAT(text, HasSubstr("test/item_cold"));
  EXPECT_THAT(text, HasSubstr("66.67 %"));
}

TEST(DatasetReport, MarkdownTablesAreRegular) {
  const std::string text = ToMarkdown(TinySummary());
  EXPECT_THAT(text, HasSubstr("| part | shards | tasks |"));
  EXPECT_THAT(text, HasSubstr("|---|---:|---:|"));
  EXPECT_THAT(text, HasSubstr("| train | 2 | 3 | 6 | 1 | 2 | 3 | 3 |"));
}

TEST(DatasetReport, JsonHasTheSameFigures) {
  const nlohmann::ordered_json json = ToJson(TinySummary());
  EXPECT_EQ(json["events"], 12);
  EXPECT_EQ(json["users"]["cold"]["fewer_than_5"], 5);
  EXPECT_EQ(json["parts"]["train"]["events_per_task"]["median"], 2);
  EXPECT_EQ(json["parts"]["train"]["episodes"]["1_shot"], 0);
  EXPECT_EQ(json["labels"][4]["low"], 4.5);
  EXPECT_EQ(json["top_items"]["share"], 0.25);
}

}  // namespace
}  // namespace hearth

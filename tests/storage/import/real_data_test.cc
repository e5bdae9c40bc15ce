#include <cstdlib>
#include <map>

#include "storage/import/convert.h"
#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using namespace import_testing;

/// Conversions of real data. The project does not ship the data: a test is skipped unless the
/// environment variable HEARTH_TEST_DATA names a folder that holds its input.
class RealData : public ::testing::Test {
 protected:
  /// Converts `input` of the data folder. False: there is no such input, and the test is to be
  /// skipped.
  bool Run(const std::string& format, const std::string& input) {
    const char* root = std::getenv("HEARTH_TEST_DATA");
    if (root == nullptr || !std::filesystem::exists(root + ("/" + input))) return false;
    options_.format = format;
    options_.input = root + ("/" + input);
    options_.output = folder_ / "data";
    if (!options_.features.empty()) options_.features = root + ("/" + options_.features);
    report_ = ConvertLog(options_);
    for (const PartCount& part : report_.parts) parts_[NameOf(part.part)] = part;
    return true;
  }

  /// The number of tasks of a part that have [low, high] events.
  int64_t TasksOfLength(Part part, int64_t low, int64_t high) const {
    const Dataset dataset({.path = options_.output});
    int64_t count = 0;
    for (const int64_t index : dataset.ShardsOf(part)) {
      const auto offsets = dataset.Shard(index).offsets();
      for (size_t t = 0; t + 1 < offsets.size(); ++t) {
        const int64_t length = offsets[t + 1] - offsets[t];
        count += length >= low && length <= high;
      }
    }
    return count;
  }

  ScratchFolder folder_;
  ConvertOptions options_;
  ConvertReport report_;
  std::map<std::string, PartCount> parts_;
};

#define RUN_OR_SKIP(format, input)                                           \
  if (!Run(format, input)) {                                                 \
    GTEST_SKIP() << "HEARTH_TEST_DATA names no folder that holds " << input; \
  }

TEST_F(RealData, MovieLens100K) {
  RUN_OR_SKIP("movielens", "ml-100k");
  EXPECT_EQ(report_.users, 943);
  EXPECT_EQ(report_.items, 1682);
  EXPECT_EQ(report_.events, 100'000);
  EXPECT_EQ(report_.duplicates, 0);
  EXPECT_TRUE(report_.has_time);
}

TEST_F(RealData, MovieLens1MIsSmallAsShards) {
  RUN_OR_SKIP("movielens", "ml-1m");
  EXPECT_EQ(report_.users, 6040);
  EXPECT_EQ(report_.items, 3704);
  EXPECT_EQ(report_.rows_read, 1'000'205);
  EXPECT_FALSE(report_.has_time);
  EXPECT_LE(report_.size_bytes, 40'000'000);
  const Dataset dataset({.path = options_.output});
  EXPECT_EQ(TitleOf(dataset.items(), "1"), "Toy Story (1995)");
  EXPECT_THAT(CategoriesOf(dataset.items(), "1", "director"),
              testing::ElementsAre("John Lasseter"));
}

TEST_F(RealData, MovieLensLatestSmall) {
  RUN_OR_SKIP("movielens", "ml-latest-small");
  EXPECT_EQ(report_.users, 610);
  EXPECT_EQ(report_.events, 100'836);
  EXPECT_EQ(report_.label_min, 0.5F);
}

TEST_F(RealData, MetaHinSplitHasItsPublishedTasks) {
  options_.features = "ml-1m";
  options_.split.validation_fraction = 0;
  RUN_OR_SKIP("metahin", "ml-1m/metahin-split");
  EXPECT_EQ(report_.duplicates, 4);
  EXPECT_EQ(report_.events, 1'000'205);
  EXPECT_EQ(TasksOfLength(kTrainPart, 13, 100), 2749);
  EXPECT_EQ(TasksOfLength({Split::kTest, Scenario::kUserCold}, 13, 100), 687);
  EXPECT_EQ(TasksOfLength({Split::kTest, Scenario::kItemCold}, 13, 100), 2855);
  EXPECT_EQ(TasksOfLength({Split::kTest, Scenario::kBothCold}, 13, 100), 731);
  EXPECT_EQ(TasksOfLength({Split::kTest, Scenario::kNonCold}, 13, 100), 1636);
}

TEST_F(RealData, LastFmEpisodes) {
  RUN_OR_SKIP("episodes", "lastfm-20");
  EXPECT_EQ(parts_["train"].tasks, 248);
  EXPECT_EQ(parts_["validation/user_cold"].tasks, 35);
  EXPECT_EQ(parts_["test/user_cold"].tasks, 66);
  EXPECT_EQ(report_.duplicates, 0);
  EXPECT_TRUE(ReadManifest(options_.output).has_roles);
}

TEST_F(RealData, LastFmFlatLogAsCsvWithoutAHeader) {
  options_.columns.header = false;
  options_.columns.user_column = "1";
  options_.columns.item_column = "2";
  options_.columns.label_column = "3";
  RUN_OR_SKIP("csv", "lastfm-20/ratings_final.txt");
  EXPECT_EQ(report_.users, 1872);
  EXPECT_EQ(report_.items, 3846);
  EXPECT_EQ(report_.events, 42'346);
}

TEST_F(RealData, BeautySequences) {
  RUN_OR_SKIP("sequences", "sequences/Beauty.txt");
  EXPECT_EQ(report_.users, 22'363);
  EXPECT_EQ(report_.items, 12'101);
  EXPECT_EQ(report_.events, 198'502);
  EXPECT_TRUE(ReadManifest(options_.output).positive_only);
}

TEST_F(RealData, RecBole100KKeepsItsOwnColumns) {
  RUN_OR_SKIP("recbole", "ml-100k");
  const Dataset dataset({.path = options_.output});
  EXPECT_EQ(dataset.items().size(), 1682);
  EXPECT_NE(dataset.items().FindFeature("class"), nullptr);
  EXPECT_NE(dataset.users().FindFeature("zip_code"), nullptr);
}

}  // namespace
}  // namespace hearth

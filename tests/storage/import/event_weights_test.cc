#include "storage/import/event_weights.h"

#include <map>

#include <nlohmann/json.hpp>

#include "common/random.h"
#include "storage/import/convert.h"
#include "storage/import/split.h"
#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using namespace import_testing;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EventTypes : public ::testing::Test {
 protected:
  EventTypes() {
    options_.format = "csv";
    options_.output = folder_ / "data";
    options_.overwrite = true;
    options_.columns.time_column = "time";
    options_.columns.event_column = "type";
    options_.columns.event_weights = {"view=1,cart=3", "buy=5.5"};
    options_.split.kind = SplitKind::kNone;
  }

  /// Converts a log with the rows "user,item,type,time".
  ConvertReport Run(std::string_view rows) {
    options_.input = folder_.Write("log.csv", "user,item,type,time\n" + std::string(rows));
    return ConvertLog(options_);
  }
  std::vector<Event> Events() const { return EventsOf(options_.output); }

  ScratchFolder folder_;
  ConvertOptions options_;
};

TEST_F(EventTypes, TheWeightOfTheTypeIsTheLabel) {
  const ConvertReport report = Run("a,x,view,1\na,y, buy ,2\nb,x,cart,3\nb,y,view,4\n");
  EXPECT_THAT(Events(),
              ElementsAre(Event{"a", "x", 1, 1, 0, "train"}, Event{"a", "y", 5.5, 2, 0, "train"},
                          Event{"b", "x", 3, 3, 0, "train"}, Event{"b", "y", 1, 4, 0, "train"}));
  ASSERT_EQ(report.event_types.size(), 3u);
  EXPECT_EQ(report.event_types[0].name, "view");
  EXPECT_EQ(report.event_types[0].count, 2);
  EXPECT_EQ(report.event_types[2].weight, 5.5F);
  EXPECT_THAT(report.notes, Contains(HasSubstr("weights of the types in 'type'")));
  const DatasetManifest manifest = ReadManifest(options_.output);
  EXPECT_TRUE(manifest.positive_only);
  EXPECT_TRUE(manifest.HasStrengths());
  EXPECT_EQ(nlohmann::json::parse(manifest.source)["event_types"]["cart"]["weight"], 3);
}

TEST_F(EventTypes, AWeightOfZeroLeavesTheTypeOutAndCounts) {
  options_.columns.event_weights = {"view=0,cart=3,buy=5"};
  const ConvertReport report = Run("a,x,view,1\na,y,buy,2\nb,z,view,3\n");
  EXPECT_THAT(Events(), ElementsAre(Event{"a", "y", 5, 2, 0, "train"}));
  EXPECT_EQ(report.left_out_rows, 2);
  EXPECT_EQ(report.rows_read, 3);
  EXPECT_EQ(report.items, 1);
  EXPECT_TRUE(report.positive_only);
  EXPECT_THAT(MessageOf<DataError>([&] { Run("a,x,view,1\n"); }), HasSubstr("1 left out"));
}

TEST_F(EventTypes, ATypeWithoutAWeightIsABadRow) {
  EXPECT_THAT(MessageOf<DataError>([&] { Run("a,x,view,1\na,y,byu,2\n"); }),
              AllOf(HasSubstr("log.csv:3: type is 'byu'"), HasSubstr("did you mean 'buy'"),
                    HasSubstr("view, cart, buy")));
  EXPECT_THAT(MessageOf<DataError>([&] { Run("a,x,,1\n"); }), HasSubstr("log.csv:2: type is ''"));
  options_.clean.on_bad_row = BadRowRule::kSkip;
  const ConvertReport report = Run("a,x,view,1\na,y,wish,2\n");
  EXPECT_EQ(report.rows_skipped, 1);
  EXPECT_EQ(report.event_types[0].count, 1);
}

TEST_F(EventTypes, ARowThatIsBadElsewhereCountsForNoType) {
  options_.clean.on_bad_row = BadRowRule::kSkip;
  const ConvertReport report = Run("a,x,view,1\na,y,view,never\n,z,view,3\n");
  EXPECT_EQ(report.rows_skipped, 2);
  EXPECT_EQ(report.event_types[0].count, 1);
}

TEST_F(EventTypes, EqualOneForEveryTypeIsAPlainPositiveLog) {
  options_.columns.event_weights = {"view=1,cart=1,buy=1"};
  Run("a,x,view,1\na,y,buy,2\n");
  EXPECT_TRUE(ReadManifest(options_.output).positive_only);
  EXPECT_FALSE(ReadManifest(options_.output).HasStrengths());
}

TEST_F(EventTypes, RewrittenLabelsAreNoStrengths) {
  options_.clean.label_transform = LabelTransform::kMinMax;
  Run("a,x,view,1\na,y,buy,2\n");
  EXPECT_FALSE(ReadManifest(options_.output).positive_only);
}

TEST_F(EventTypes, ADataSetSplitAnewKeepsItsStrengths) {
  Run("a,x,view,1\na,y,buy,2\nb,x,cart,3\n");
  SplitOptions split;
  split.kind = SplitKind::kNone;
  SplitDataset(options_.output, folder_ / "anew", split);
  EXPECT_TRUE(ReadManifest(folder_ / "anew").HasStrengths());
  EXPECT_EQ(EventsOf(folder_ / "anew"), Events());
}

/// Compares --duplicates max and sum with loops over a random log.
TEST_F(EventTypes, MergedLabelsEqualThoseOfPlainLoops) {
  const std::map<std::string, float> weights = {{"view", 1}, {"cart", 3}, {"buy", 5.5}};
  RandomStream random(5, Purpose::kTest);
  std::string rows;
  std::map<std::pair<std::string, std::string>, Event> largest, sums;
  for (int time = 1; time <= 300; ++time) {
    const std::string user = fmt::format("u{}", random.NextBelow(6));
    const std::string item = fmt::format("i{}", random.NextBelow(7));
    const auto type = std::next(weights.begin(), random.NextBelow(3));
    rows += fmt::format("{},{},{},{}\n", user, item, type->first, time);
    for (auto* map : {&largest, &sums}) {
      Event& event = (*map)[{user, item}];
      const float label =
          map == &sums ? event.label + type->second : std::max(event.label, type->second);
      event = {user, item, label, time, 0, "train"};
    }
  }
  const auto values = [](const auto& map) {
    std::vector<Event> events;
    for (const auto& [pair, event] : map) events.push_back(event);
    return Sorted(events);
  };
  options_.clean.duplicates = DuplicateRule::kMax;
  EXPECT_EQ(Run(rows).duplicates, 300 - std::ssize(largest));
  EXPECT_EQ(Sorted(Events()), values(largest));
  options_.clean.duplicates = DuplicateRule::kSum;
  Run(rows);
  EXPECT_EQ(Sorted(Events()), values(sums));
}

TEST_F(EventTypes, WorkInRecBoleFilesInsteadOfTheRating) {
  folder_.Write("log/a.inter",
                "user_id:token\titem_id:token\trating:float\ttype:token\nu\tx\t4\tbuy\n");
  options_.format = "recbole";
  options_.input = folder_ / "log";
  options_.columns.time_column = "";
  const ConvertReport report = ConvertLog(options_);
  EXPECT_THAT(Events(), ElementsAre(Event{"u", "x", 5.5, 0, 0, "train"}));
  EXPECT_THAT(report.notes, Contains("columns not used: rating"));
  options_.columns.event_column = "typ";
  EXPECT_THAT(MessageOf<DataError>([&] { ConvertLog(options_); }), HasSubstr("mean 'type'"));
}

TEST_F(EventTypes, WorkInJsonLines) {
  options_.format = "jsonl";
  options_.columns.time_column = "";
  options_.columns.event_column = "event.type";
  options_.input = folder_.Write("log.jsonl", R"({"user":"a","item":"x","event":{"type":"buy"}})");
  ConvertLog(options_);
  EXPECT_THAT(Events(), ElementsAre(Event{"a", "x", 5.5, 0, 0, "train"}));
}

TEST_F(EventTypes, OptionsThatDoNotFitAreRefused) {
  const auto message = [&] { return MessageOf<UsageError>([&] { Run("a,x,view,1\n"); }); };
  options_.columns.label_column = "time";
  EXPECT_THAT(message(), AllOf(HasSubstr("--label-col time"), HasSubstr("leave one of them out")));
  options_.columns.label_column = "";
  options_.format = "movielens";
  EXPECT_THAT(message(), HasSubstr("are for tables; format movielens"));
  options_.format = "csv";
  options_.columns.event_weights = {};
  EXPECT_THAT(message(), AllOf(HasSubstr("--event-col type"), HasSubstr("view=1,cart=3,buy=5")));
  options_.columns.event_column = "";
  options_.columns.event_weights = {"view=1"};
  EXPECT_THAT(message(), HasSubstr("--event-weight needs --event-col"));
}

TEST(EventWeights, RefuseTextsThatAreNoWeights) {
  const auto message = [](const std::string& text) {
    return MessageOf<UsageError>([&] { EventWeights({text}); });
  };
  for (const std::string text : {"view", "=1", "view=", "view=x", "view=1,"}) {
    EXPECT_THAT(message(text), HasSubstr("is not TYPE=WEIGHT")) << text;
  }
  for (const std::string text : {"view=-1", "view=inf", "view=nan", "view=1e39", "view=1e-60"}) {
    EXPECT_THAT(message(text), AllOf(HasSubstr("'view'"), HasSubstr("finite"))) << text;
  }
  EXPECT_THAT(message("view=1,view=2"), HasSubstr("'view' has two weights"));
  EXPECT_THAT(message("view=0,cart=0"), HasSubstr("no event would be left"));
}

TEST(EventWeights, ATypeMayHoldAnEqualsSign) {
  EXPECT_EQ(EventWeights({" a=b = 2 "}).types()[0].name, "a=b");
}

}  // namespace
}  // namespace hearth

#include "storage/import/convert.h"

#include <map>
#include <set>

#include "common/random.h"
#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using namespace import_testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

/// Conversions of a small csv log. All events are training events unless a test sets a split.
class Convert : public ::testing::Test {
 protected:
  Convert() {
    options_.format = "csv";
    options_.output = folder_ / "data";
    options_.columns.label_column = "label";
    options_.columns.time_column = "time";
    options_.split.kind = SplitKind::kNone;
  }

  /// Converts a log with the rows "user,item,label,time".
  ConvertReport Run(std::string_view rows) {
    options_.input = folder_.Write("log.csv", "user,item,label,time\n" + std::string(rows));
    return ConvertLog(options_);
  }
  std::vector<Event> Events() const { return EventsOf(options_.output); }
  std::vector<std::string> OutputFiles() const {
    std::vector<std::string> files;
    if (!std::filesystem::exists(options_.output)) return {"no folder"};
    for (const auto& entry : std::filesystem::directory_iterator(options_.output)) {
      files.push_back(entry.path().filename().string());
    }
    return files;
  }

  ScratchFolder folder_;
  ConvertOptions options_;
};

TEST_F(Convert, OrdersEventsWithinOneSecondByTheFullTime) {
  options_.columns.time_unit = "ms";
  Run("a,x,1,978300760300\na,y,2,978300760100\na,z,3,978300760200\na,y,4,978300760150\n");
  const int64_t second = 978300760;
  EXPECT_THAT(Events(), ElementsAre(Event{"a", "y", 4, second, 0, "train"},
                                    Event{"a", "z", 3, second, 0, "train"},
                                    Event{"a", "x", 1, second, 0, "train"}))
      << "the later of two labels of y is kept";
}

TEST_F(Convert, GivesThePartsOfASplitLogTheScenariosThatFollow) {
  const std::string header = "user_id:token\titem_id:token\trating:float\n";
  folder_.Write("log/a.train.inter", header + "u\tx\t1\nu\ty\t2\n");
  folder_.Write("log/a.valid.inter", header + "v\tx\t3\n");
  folder_.Write("log/a.test.inter", header + "u\tz\t4\nw\tx\t5\nw\tz\t6\n");
  options_.format = "recbole";
  options_.input = folder_ / "log";
  options_.columns = {};
  options_.split.kind = SplitKind::kAuto;
  ConvertLog(options_);
  EXPECT_THAT(Events(), UnorderedElementsAre(Event{"u", "x", 1, 0, 0, "train"},
                                             Event{"u", "y", 2, 0, 0, "train"},
                                             Event{"v", "x", 3, 0, 0, "validation/user_cold"},
                                             Event{"u", "z", 4, 0, 0, "test/item_cold"},
                                             Event{"w", "x", 5, 0, 0, "test/user_cold"},
                                             Event{"w", "z", 6, 0, 0, "test/both_cold"}));
}

TEST_F(Convert, CountsRowsOfFeaturesThatFitAndDescribesTheColumns) {
  options_.columns.item_features =
      folder_.Write("items.csv", "item,kind,price\nx,a|b,2.5\ny,,\nq,c,1\n");
  const ConvertReport report = Run("u,x,1,1\nu,y,2,2\nu,z,3,3\n");
  ASSERT_EQ(report.side_files.size(), 1U);
  EXPECT_EQ(report.side_files[0].rows, 3);
  EXPECT_EQ(report.side_files[0].matched, 2);
  EXPECT_EQ(report.side_files[0].unmatched_id, "q");
  ASSERT_EQ(report.item_features.size(), 2U);
  EXPECT_EQ(report.item_features[0].name, "kind");
  EXPECT_EQ(report.item_features[0].size, 2);
  EXPECT_EQ(report.item_features[0].covered, 1);
  EXPECT_EQ(report.item_features[0].count, 3);
  EXPECT_EQ(report.item_features[1].kind, FeatureKind::kNumber);
  options_.columns.kinds = {"prize=number"};
  options_.output = folder_ / "data2";
  EXPECT_THAT(MessageOf<UsageError>([&] { Run("u,x,1,1\n"); }), HasSubstr("did you mean 'price'"));
}

TEST_F(Convert, OrdersEventsByTimeInsideTasksAndTasksByAppearance) {
  const ConvertReport report = Run("b,x,1,30\na,y,2,5\nb,y,3,10\nb,z,4,20\n");
  EXPECT_THAT(Events(),
              ElementsAre(Event{"b", "y", 3, 10, 0, "train"}, Event{"b", "z", 4, 20, 0, "train"},
                          Event{"b", "x", 1, 30, 0, "train"}, Event{"a", "y", 2, 5, 0, "train"}));
  EXPECT_EQ(report.rows_read, 4);
  EXPECT_EQ(report.users, 2);
  EXPECT_EQ(report.items, 3);
  EXPECT_EQ(report.events, 4);
  ASSERT_EQ(report.parts.size(), 1u);
  EXPECT_EQ(report.parts[0].tasks, 2);
  EXPECT_THAT(OutputFiles(),
              UnorderedElementsAre("manifest.json", "users.h5", "items.h5", "train-00000.h5"));
}

TEST_F(Convert, FillsTheManifest) {
  options_.tasks_per_shard = 1;
  Run("b,x,1,30\na,y,2,5\n");
  const DatasetManifest manifest = ReadManifest(options_.output);
  EXPECT_EQ(manifest.name, "log");
  EXPECT_EQ(manifest.task_by, "user");
  EXPECT_TRUE(manifest.has_time);
  EXPECT_FALSE(manifest.has_roles);
  EXPECT_FALSE(manifest.positive_only);
  EXPECT_EQ(manifest.label_min, 1);
  EXPECT_EQ(manifest.label_max, 2);
  EXPECT_EQ(manifest.event_count, 2);
  ASSERT_EQ(manifest.shards.size(), 2u);
  EXPECT_EQ(manifest.shards[1].file, "train-00001.h5");
  EXPECT_THAT(manifest.source, AllOf(HasSubstr("log.csv"), HasSubstr("sha256"),
                                     testing::Not(HasSubstr(folder_.path()))));
}

TEST_F(Convert, WritesTheSameBytesEveryTime) {
  options_.split.kind = SplitKind::kRandom;
  const std::string rows = "b,x,1,30\na,y,2,5\na,x,2,6\nb,z,4,20\nc,x,1,1\n";
  Run(rows);
  const std::string first = ManifestHash(options_.output);
  options_.output = folder_ / "again";
  Run(rows);
  EXPECT_EQ(ManifestHash(options_.output), first);
}

TEST_F(Convert, LeavesTimesOutWhereTheLogHasNone) {
  options_.columns.time_column = "";
  Run("a,x,1,9\na,y,2,8\na,z,3,7\n");
  EXPECT_FALSE(ReadManifest(options_.output).has_time);
  EXPECT_THAT(Events(),
              ElementsAre(Event{"a", "x", 1, 0, 0, "train"}, Event{"a", "y", 2, 0, 0, "train"},
                          Event{"a", "z", 3, 0, 0, "train"}));
}

TEST_F(Convert, MakesTasksOfItems) {
  options_.task_by = "item";
  Run("a,x,1,2\nb,x,2,1\na,y,3,3\n");
  EXPECT_THAT(Events(),
              ElementsAre(Event{"b", "x", 2, 1, 0, "train"}, Event{"a", "x", 1, 2, 0, "train"},
                          Event{"a", "y", 3, 3, 0, "train"}));
  EXPECT_EQ(ReadManifest(options_.output).task_by, "item");
}

TEST_F(Convert, MakesTasksOfAColumnAndTellsItsUsersApart) {
  options_.task_by = "label";
  options_.columns.label_column = "";
  const ConvertReport report = Run("a,x,red,1\nb,x,red,2\na,x,red,3\na,x,blue,4\n");
  EXPECT_EQ(report.duplicates, 1);
  EXPECT_THAT(Events(),
              ElementsAre(Event{"red", "x", 1, 2, 0, "train"}, Event{"red", "x", 1, 3, 0, "train"},
                          Event{"blue", "x", 1, 4, 0, "train"}));
}

TEST_F(Convert, MergesDuplicatesByRule) {
  const std::string rows = "a,x,1,30\na,x,5,10\na,y,9,11\na,x,3,20\n";
  const std::map<DuplicateRule, std::vector<Event>> expected = {
      {DuplicateRule::kLast, {{"a", "y", 9, 11, 0, "train"}, {"a", "x", 1, 30, 0, "train"}}},
      {DuplicateRule::kFirst, {{"a", "x", 5, 10, 0, "train"}, {"a", "y", 9, 11, 0, "train"}}},
      {DuplicateRule::kMean, {{"a", "y", 9, 11, 0, "train"}, {"a", "x", 3, 30, 0, "train"}}},
      {DuplicateRule::kMax, {{"a", "y", 9, 11, 0, "train"}, {"a", "x", 5, 30, 0, "train"}}},
      {DuplicateRule::kSum, {{"a", "y", 9, 11, 0, "train"}, {"a", "x", 9, 30, 0, "train"}}},
      {DuplicateRule::kKeep,
       {{"a", "x", 5, 10, 0, "train"},
        {"a", "y", 9, 11, 0, "train"},
        {"a", "x", 3, 20, 0, "train"},
        {"a", "x", 1, 30, 0, "train"}}}};
  options_.overwrite = true;
  for (const auto& [rule, events] : expected) {
    options_.clean.duplicates = rule;
    EXPECT_EQ(Run(rows).duplicates, 4 - std::ssize(events)) << NameOf(rule);
    EXPECT_EQ(Events(), events) << NameOf(rule);
  }
  options_.clean.duplicates = DuplicateRule::kRefuse;
  EXPECT_THAT(
      MessageOf<DataError>([&] { Run(rows); }),
      AllOf(HasSubstr("user 'a' and item 'x' occur together 3 times"), HasSubstr("--duplicates")));
}

TEST_F(Convert, FillsMissingLabelsBeforeDuplicatesMeet) {
  const std::string rows = "a,x,,1\na,x,-3,2\na,x,-5,3\n";
  options_.overwrite = true;
  const auto label = [&](DuplicateRule duplicates, MissingRule missing) {
    options_.clean.duplicates = duplicates;
    options_.clean.missing = missing;
    Run(rows);
    return Events().front().label;
  };
  EXPECT_EQ(label(DuplicateRule::kMax, MissingRule::kDrop), -3);
  EXPECT_EQ(label(DuplicateRule::kMax, MissingRule::kZero), 0);
  EXPECT_EQ(label(DuplicateRule::kSum, MissingRule::kDrop), -8);
  EXPECT_EQ(label(DuplicateRule::kSum, MissingRule::kOne), -7);
  EXPECT_EQ(label(DuplicateRule::kSum, MissingRule::kMean), -12);
}

TEST_F(Convert, RefusesASumThatNoFloatHolds) {
  options_.clean.duplicates = DuplicateRule::kSum;
  EXPECT_THAT(MessageOf<DataError>([&] { Run("a,x,3e38,1\na,x,3e38,2\n"); }),
              AllOf(HasSubstr("user 'a' and item 'x'"), HasSubstr("--duplicates max")));
  EXPECT_THAT(OutputFiles(), ElementsAre("no folder"));
}

TEST_F(Convert, CountsOfRowsWithoutLabelsAreStrengths) {
  options_.columns.label_column = "";
  options_.clean.duplicates = DuplicateRule::kSum;
  const ConvertReport report = Run("a,x,,1\na,y,,2\na,x,,3\n");
  EXPECT_THAT(Events(),
              ElementsAre(Event{"a", "y", 1, 2, 0, "train"}, Event{"a", "x", 2, 3, 0, "train"}));
  EXPECT_TRUE(report.positive_only);
  EXPECT_TRUE(ReadManifest(options_.output).HasStrengths());
}

TEST_F(Convert, KeepsTheLaterRowOfDuplicatesWithoutTimes) {
  options_.columns.time_column = "";
  Run("a,x,1,\na,x,2,\n");
  EXPECT_THAT(Events(), ElementsAre(Event{"a", "x", 2, 0, 0, "train"}));
}

TEST_F(Convert, TreatsMissingLabelsByRule) {
  const std::string rows = "a,x,1,1\na,y,,2\na,z,4,3\n";
  EXPECT_THAT(MessageOf<DataError>([&] { Run(rows); }),
              AllOf(HasSubstr("log.csv:3: label is ''"), HasSubstr("--missing drop")));
  options_.overwrite = true;
  const std::map<MissingRule, std::vector<float>> expected = {{MissingRule::kDrop, {1, 4}},
                                                              {MissingRule::kZero, {1, 0, 4}},
                                                              {MissingRule::kOne, {1, 1, 4}},
                                                              {MissingRule::kMean, {1, 2.5F, 4}}};
  for (const auto& [rule, labels] : expected) {
    options_.clean.missing = rule;
    const ConvertReport report = Run(rows);
    const int64_t dropped = rule == MissingRule::kDrop;
    EXPECT_EQ(report.missing_dropped, dropped);
    EXPECT_EQ(report.missing_filled, 1 - dropped);
    std::vector<float> found;
    for (const Event& event : Events()) found.push_back(event.label);
    EXPECT_EQ(found, labels) << NameOf(rule);
  }
  options_.clean.missing = MissingRule::kMean;
  EXPECT_THAT(MessageOf<DataError>([&] { Run("a,x,,1\n"); }), HasSubstr("no mean"));
}

TEST_F(Convert, TransformsLabels) {
  const std::string rows = "a,x,1,1\na,y,3,2\nb,x,4,3\nb,y,4,4\n";
  options_.overwrite = true;
  const double sd = std::sqrt(1.5);  // the standard deviation of 1 3 4 4, with the mean 3
  const std::map<LabelTransform, std::vector<double>> expected = {
      {LabelTransform::kRaw, {1, 3, 4, 4}},
      {LabelTransform::kThreshold, {0, 0, 1, 1}},
      {LabelTransform::kMinMax, {0, 2.0 / 3, 1, 1}},
      {LabelTransform::kZScore, {-2 / sd, 0, 1 / sd, 1 / sd}}};
  for (const auto& [transform, labels] : expected) {
    options_.clean.label_transform = transform;
    Run(rows);
    const std::vector<Event> events = Events();
    ASSERT_EQ(events.size(), labels.size());
    for (size_t i = 0; i < labels.size(); ++i) {
      EXPECT_NEAR(events[i].label, labels[i], 1e-6) << NameOf(transform);
    }
  }
  EXPECT_THAT(MessageOf<DataError>([&] { Run("a,x,2,1\na,y,2,2\n"); }),
              AllOf(HasSubstr("zscore"), HasSubstr("all 2 labels are 2")));
}

TEST_F(Convert, DropsRareUsersAndItemsUntilNoneIsLeft) {
  options_.clean.min_user_events = 2;
  options_.clean.min_item_events = 2;
  // z is rare. When z is gone, c is rare. When c is gone, w is rare.
  const ConvertReport report =
      Run("a,x,1,1\na,y,1,2\nb,x,1,3\nb,y,1,4\nc,z,1,5\nc,w,1,6\na,w,1,7\n");
  EXPECT_EQ(report.below_minimum, 3);
  EXPECT_EQ(report.users, 2);
  EXPECT_EQ(report.items, 2);
  EXPECT_EQ(Events().size(), 4u);
  options_.clean.min_user_events = 3;
  options_.overwrite = true;
  EXPECT_THAT(MessageOf<DataError>([&] { Run("a,x,1,1\na,y,1,2\n"); }),
              HasSubstr("no event is left"));
}

TEST_F(Convert, SkipsBadRowsAndCountsThem) {
  options_.clean.on_bad_row = BadRowRule::kSkip;
  const ConvertReport report = Run("a,x,1,1\na,,1,2\na,y,oops,3\na,z,inf,4\na,w,2,5\na\n");
  EXPECT_EQ(report.rows_read, 6);
  EXPECT_EQ(report.rows_skipped, 4);
  EXPECT_EQ(report.events, 2);
  options_.clean.max_bad = 3;
  options_.overwrite = true;
  EXPECT_THAT(MessageOf<DataError>([&] { Run("a,x,1,1\na,,1,2\na,y,oops,3\na,z,inf,4\na\n"); }),
              AllOf(HasSubstr("4 bad rows"), HasSubstr("log.csv:6")));
}

TEST_F(Convert, LeavesNothingBehindAFailure) {
  EXPECT_THAT(MessageOf<DataError>([&] { Run("a,x,1,1\na,y,bad,1\n"); }), HasSubstr("'bad'"));
  EXPECT_THAT(OutputFiles(), ElementsAre("no folder"));
  std::filesystem::create_directories(options_.output);
  EXPECT_THAT(MessageOf<DataError>([&] { Run("a,x,1,1\na,y,bad,1\n"); }), HasSubstr("'bad'"));
  EXPECT_THAT(OutputFiles(), IsEmpty());
}

TEST_F(Convert, OverwritesADataSetOnlyWhenAskedAndForeignFilesNever) {
  Run("a,x,1,1\n");
  EXPECT_THAT(MessageOf<UsageError>([&] { Run("a,y,1,1\n"); }),
              AllOf(HasSubstr("is not empty"), HasSubstr("--overwrite")));
  EXPECT_EQ(Events().size(), 1u);
  options_.overwrite = true;
  Run("b,y,1,1\n");
  EXPECT_THAT(Events(), ElementsAre(Event{"b", "y", 1, 1, 0, "train"}));
  std::ofstream(options_.output + "/thesis.txt") << "precious";
  EXPECT_THAT(MessageOf<UsageError>([&] { Run("a,y,1,1\n"); }),
              AllOf(HasSubstr("thesis.txt"), HasSubstr("nothing was removed")));
  EXPECT_EQ(Events().size(), 1u);
  EXPECT_TRUE(std::filesystem::exists(options_.output + "/thesis.txt"));
}

TEST_F(Convert, RefusesWrongOptions) {
  EXPECT_THAT(MessageOf<UsageError>([&] {
                options_.tasks_per_shard = 0;
                Run("a,x,1,1\n");
              }),
              HasSubstr("tasks_per_shard is 0"));
  options_.tasks_per_shard = 8;
  options_.clean.min_item_events = 0;
  EXPECT_THAT(MessageOf<UsageError>([&] { Run("a,x,1,1\n"); }), HasSubstr("must be >= 1"));
  options_.clean.min_item_events = 1;
  options_.output = folder_.Write("file", "");
  EXPECT_THAT(MessageOf<UsageError>([&] { Run("a,x,1,1\n"); }), HasSubstr("is a file"));
  options_.output = "";
  EXPECT_THAT(MessageOf<UsageError>([&] { Run("a,x,1,1\n"); }), HasSubstr("--output"));
  options_.output = folder_ / "data";
  EXPECT_THAT(MessageOf<DataError>([&] { Run(""); }), HasSubstr("no event is left"));
  EXPECT_THAT(OutputFiles(), ElementsAre("no folder"));
}

TEST_F(Convert, KeepsUnseenItemsOnRequest) {
  options_.columns.item_features = folder_.Write("items.csv", "item,kind\nx,a\nnew,b\n");
  EXPECT_EQ(Run("a,x,1,1\n").items, 1);
  options_.keep_unseen_items = true;
  options_.overwrite = true;
  EXPECT_EQ(Run("a,x,1,1\n").items, 2);
  const Dataset dataset({.path = options_.output});
  EXPECT_THAT(dataset.items().ids, ElementsAre("x", "new"));
  EXPECT_THAT(CategoriesOf(dataset.items(), "new", "kind"), ElementsAre("b"));
}

TEST(ParseRules, NameTheLegalValues) {
  EXPECT_EQ(ParseDuplicateRule("keep"), DuplicateRule::kKeep);
  EXPECT_EQ(ParseMissingRule("mean"), MissingRule::kMean);
  EXPECT_EQ(ParseLabelTransform("zscore"), LabelTransform::kZScore);
  EXPECT_EQ(ParseBadRowRule("skip"), BadRowRule::kSkip);
  EXPECT_THAT(MessageOf<UsageError>([] { ParseLabelTransform("treshold"); }),
              AllOf(HasSubstr("did you mean 'threshold'"), HasSubstr("minmax")));
  EXPECT_THAT(MessageOf<UsageError>([] { ParseDuplicateRule("x"); }), HasSubstr("last, first"));
  EXPECT_THAT(MessageOf<UsageError>([] { ParseMissingRule("x"); }), HasSubstr("refuse, drop"));
  EXPECT_THAT(MessageOf<UsageError>([] { ParseBadRowRule("x"); }), HasSubstr("refuse, skip"));
}

/// A random log with repeated pairs and equal times.
struct RandomLog {
  std::string rows;
  std::vector<Event> events;
};
RandomLog MakeRandomLog(uint64_t seed) {
  RandomStream random(seed, Purpose::kTest);
  RandomLog log;
  for (int i = 0; i < 600; ++i) {
    Event event;
    event.user = fmt::format("u{}", random.NextBelow(37));
    event.item = fmt::format("i{}", random.NextBelow(23));
    event.label = static_cast<float>(1 + random.NextBelow(5));
    event.time = random.NextBelow(50);
    event.part = "train";
    log.rows += fmt::format("{},{},{},{}\n", event.user, event.item, event.label, event.time);
    log.events.push_back(event);
  }
  return log;
}

/// The straightforward version of the cleaning: DuplicateRule::kLast, k-core and order in memory.
std::vector<Event> CleanInMemory(const std::vector<Event>& rows, int64_t min_user,
                                 int64_t min_item) {
  std::map<std::pair<std::string, std::string>, std::pair<Event, size_t>> last;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto [slot, is_new] = last.try_emplace({rows[i].user, rows[i].item}, rows[i], i);
    if (!is_new && rows[i].time >= slot->second.first.time) slot->second = {rows[i], i};
  }
  std::vector<std::pair<Event, size_t>> kept;
  for (const auto& [pair, event] : last) kept.push_back(event);
  for (size_t before = kept.size() + 1; before != kept.size();) {
    before = kept.size();
    std::map<std::string, int64_t> counts;
    for (const auto& [event, row] : kept) {
      ++counts["user " + event.user];
      ++counts["item " + event.item];
    }
    std::erase_if(kept, [&](const auto& entry) {
      return counts["user " + entry.first.user] < min_user ||
             counts["item " + entry.first.item] < min_item;
    });
  }
  std::map<std::string, size_t> appearance;
  for (size_t i = 0; i < rows.size(); ++i) appearance.try_emplace(rows[i].user, i);
  std::sort(kept.begin(), kept.end(), [&](const auto& a, const auto& b) {
    return std::tuple(appearance[a.first.user], a.first.time, a.second) <
           std::tuple(appearance[b.first.user], b.first.time, b.second);
  });
  std::vector<Event> events;
  for (const auto& [event, row] : kept) events.push_back(event);
  return events;
}

TEST_F(Convert, StreamsToTheSameResultAsCleaningInMemory) {
  options_.overwrite = true;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    const RandomLog log = MakeRandomLog(seed);
    for (const int64_t minimum : {1, 9}) {
      options_.clean.min_user_events = minimum;
      options_.clean.min_item_events = minimum + 5;
      const std::vector<Event> expected = CleanInMemory(log.events, minimum, minimum + 5);
      ASSERT_GT(expected.size(), 100u);
      for (const int64_t tasks_per_shard : {2, 8192}) {
        options_.tasks_per_shard = tasks_per_shard;
        const ConvertReport report = Run(log.rows);
        EXPECT_EQ(Events(), expected) << "minimum " << minimum;
        EXPECT_EQ(report.duplicates + report.below_minimum + report.events, 600);
        const int64_t shards = (report.users + tasks_per_shard - 1) / tasks_per_shard;
        EXPECT_EQ(report.parts[0].shards, shards);
      }
    }
  }
}

TEST_F(Convert, SplitsTheSameAtAnyShardSize) {
  options_.overwrite = true;
  options_.split.kind = SplitKind::kRandom;
  const RandomLog log = MakeRandomLog(5);
  options_.tasks_per_shard = 8192;
  Run(log.rows);
  const std::vector<Event> expected = Sorted(Events());
  options_.tasks_per_shard = 2;
  Run(log.rows);
  EXPECT_EQ(Sorted(Events()), expected);
}

}  // namespace
}  // namespace hearth

#include "storage/import/split.h"

#include <map>
#include <set>

#include "common/random.h"
#include "storage/import/convert.h"
#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using namespace import_testing;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kUsers = 60, kItems = 80;

/// A dense random log. Every user has about 40 of 80 items, so every user and item of the training
/// level has training events. All times are different.
class SplitLog : public ::testing::Test {
 protected:
  SplitLog() {
    RandomStream random(1, Purpose::kTest);
    for (int user = 0; user < kUsers; ++user) {
      for (int item = 0; item < kItems; ++item) {
        if (random.NextBelow(2) == 0) continue;
        Event event;
        event.user = fmt::format("u{}", user);
        event.item = fmt::format("i{}", item);
        event.label = static_cast<float>(1 + random.NextBelow(5));
        log_.push_back(event);
      }
    }
    const std::vector<int64_t> times =
        RandomPermutation(std::ssize(log_), RandomStream(2, Purpose::kTest));
    for (size_t i = 0; i < log_.size(); ++i) log_[i].time = 1000 + times[i];
    options_.format = "csv";
    options_.output = folder_ / "data";
    options_.overwrite = true;
    options_.columns.label_column = "label";
    options_.columns.time_column = "time";
    options_.split.kind = SplitKind::kRandom;
  }

  std::vector<Event> Run() {
    std::string rows = "user,item,label,time\n";
    for (const Event& event : log_) {
      rows += fmt::format("{},{},{},{}\n", event.user, event.item, event.label, event.time);
    }
    options_.input = folder_.Write("log.csv", rows);
    ConvertLog(options_);
    return EventsOf(options_.output);
  }

  ScratchFolder folder_;
  std::vector<Event> log_;
  ConvertOptions options_;
};

std::string SplitOf(const Event& event) { return event.part.substr(0, event.part.find('/')); }

std::set<std::string> UsersOf(const std::vector<Event>& events, const std::string& split) {
  std::set<std::string> users;
  for (const Event& event : events) {
    if (SplitOf(event) == split) users.insert(event.user);
  }
  return users;
}
std::set<std::string> ItemsOf(const std::vector<Event>& events, const std::string& split) {
  std::set<std::string> items;
  for (const Event& event : events) {
    if (SplitOf(event) == split) items.insert(event.item);
  }
  return items;
}
std::set<std::string> Minus(std::set<std::string> from, const std::set<std::string>& less) {
  std::erase_if(from, [&less](const std::string& value) { return less.contains(value); });
  return from;
}
std::set<std::string> Joined(std::set<std::string> a, const std::set<std::string>& b) {
  a.insert(b.begin(), b.end());
  return a;
}

std::vector<Event> WithoutParts(std::vector<Event> events) {
  for (Event& event : events) event.part = "";
  return Sorted(events);
}

/// The scenario of an event with a user and an item that are new or not.
std::string ScenarioOf(bool new_user, bool new_item) {
  if (new_user && new_item) return "both_cold";
  if (new_user) return "user_cold";
  if (new_item) return "item_cold";
  return "non_cold";
}

/// Compares the part of each event with the users and items of the training events.
void ExpectScenariosTellTheTruth(const std::vector<Event>& events) {
  const std::set<std::string> users = UsersOf(events, "train"), items = ItemsOf(events, "train");
  for (const Event& event : events) {
    if (event.part == "train") continue;
    const bool new_user = !users.contains(event.user), new_item = !items.contains(event.item);
    EXPECT_EQ(event.part, SplitOf(event) + "/" + ScenarioOf(new_user, new_item));
  }
}

TEST_F(SplitLog, RandomPutsEveryEventIntoExactlyOnePart) {
  const std::vector<Event> events = Run();
  EXPECT_EQ(WithoutParts(events), WithoutParts(log_));
  std::map<std::string, int64_t> counts;
  for (const Event& event : events) ++counts[event.part];
  EXPECT_EQ(counts.size(), AllParts().size());
}

TEST_F(SplitLog, RandomKeepsColdUsersAndItemsOutOfEverythingBefore) {
  const std::vector<Event> events = Run();
  ExpectScenariosTellTheTruth(events);
  // The fractions are exact: 20 % of 60 users and 10 % of 80 items occur in test alone, and a
  // validation user has no training event.
  const auto train = UsersOf(events, "train"), validation = UsersOf(events, "validation");
  const auto only_test = Minus(UsersOf(events, "test"), Joined(train, validation));
  EXPECT_EQ(only_test.size(), 12u);
  EXPECT_EQ(Minus(validation, train).size(), 6u);
  EXPECT_EQ(train.size(), 42u);
  const auto item_train = ItemsOf(events, "train"), item_valid = ItemsOf(events, "validation");
  EXPECT_EQ(Minus(ItemsOf(events, "test"), Joined(item_train, item_valid)).size(), 8u);
  EXPECT_EQ(Minus(item_valid, item_train).size(), 4u);
  for (const Event& event : events) {
    if (event.part == "test/user_cold" || event.part == "test/both_cold") {
      EXPECT_TRUE(only_test.contains(event.user) || !train.contains(event.user));
    }
  }
}

TEST_F(SplitLog, RandomHoldsOutTheAskedShareOfWarmEvents) {
  const std::vector<Event> events = Run();
  double warm = 0, test = 0, validation = 0;
  for (const Event& event : events) {
    warm += event.part == "train" || event.part.ends_with("/non_cold");
    test += event.part == "test/non_cold";
    validation += event.part == "validation/non_cold";
  }
  EXPECT_NEAR(test / warm, 0.10, 0.015);
  EXPECT_NEAR(validation / warm, 0.05, 0.015);
}

TEST_F(SplitLog, RandomDependsOnTheSeedAndNotOnTheOrderOfRows) {
  const std::vector<Event> events = Sorted(Run());
  EXPECT_EQ(Sorted(Run()), events);
  std::reverse(log_.begin(), log_.end());
  EXPECT_EQ(Sorted(Run()), events);
  options_.split.seed = 2;
  EXPECT_NE(Sorted(Run()), events);
}

TEST_F(SplitLog, RandomKeepsMostOfItsDrawWhenTheLogGrows) {
  const std::set<std::string> before = UsersOf(Run(), "train");
  log_.push_back({"newcomer", "i0", 3, 99999});
  EXPECT_LE(Minus(before, UsersOf(Run(), "train")).size(), 1u);
}

TEST_F(SplitLog, TimeMakesTheLatestComersCold) {
  options_.split.kind = SplitKind::kTime;
  const std::vector<Event> events = Run();
  EXPECT_EQ(WithoutParts(events), WithoutParts(log_));
  ExpectScenariosTellTheTruth(events);
  std::map<std::string, int64_t> first;
  for (const Event& event : log_) {
    const auto [slot, is_new] = first.try_emplace(event.user, event.time);
    if (!is_new) slot->second = std::min(slot->second, event.time);
  }
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto& [user, time] : first) order.emplace_back(-time, user);
  std::sort(order.begin(), order.end());
  const auto before_test = Joined(UsersOf(events, "train"), UsersOf(events, "validation"));
  std::set<std::string> expected;
  for (size_t i = 0; i < 12; ++i) expected.insert(order[i].second);
  EXPECT_EQ(Minus(UsersOf(events, "test"), before_test), expected);
}

TEST_F(SplitLog, TimeHoldsOutTheLatestEventsOfEachUser) {
  options_.split.kind = SplitKind::kTime;
  std::map<std::string, int64_t> last_train, first_test, last_validation, first_validation;
  const auto take = [](auto* map, const Event& event, bool latest) {
    const auto [slot, is_new] = map->try_emplace(event.user, event.time);
    if (!is_new) {
      slot->second =
          latest ? std::max(slot->second, event.time) : std::min(slot->second, event.time);
    }
  };
  for (const Event& event : Run()) {
    if (event.part == "train") take(&last_train, event, true);
    if (event.part == "test/non_cold") take(&first_test, event, false);
    if (event.part == "validation/non_cold") {
      take(&last_validation, event, true);
      take(&first_validation, event, false);
    }
  }
  ASSERT_GT(first_test.size(), 30u);
  ASSERT_GT(first_validation.size(), 20u);
  for (const auto& [user, time] : first_test) {
    EXPECT_GT(time, last_train.at(user));
    EXPECT_GT(time, last_validation.contains(user) ? last_validation.at(user) : 0);
  }
  for (const auto& [user, time] : first_validation) EXPECT_GT(time, last_train.at(user));
}

TEST_F(SplitLog, TimeIsRefusedWithoutTimes) {
  options_.split.kind = SplitKind::kTime;
  options_.columns.time_column = "";
  EXPECT_THAT(MessageOf<DataError>([&] { Run(); }),
              AllOf(HasSubstr("has no times"), HasSubstr("--split random")));
  options_.format = "sequences";
  options_.input = folder_.Write("s.txt", "1 2 3\n");
  EXPECT_THAT(MessageOf<DataError>([&] { ConvertLog(options_); }),
              HasSubstr("do not compare between users"));
}

TEST_F(SplitLog, NoneTrainsOnEverything) {
  options_.split.kind = SplitKind::kNone;
  for (const Event& event : Run()) EXPECT_EQ(event.part, "train");
}

TEST_F(SplitLog, GivenIsRefusedWhereTheSourceSaysNothing) {
  options_.split.kind = SplitKind::kGiven;
  EXPECT_THAT(MessageOf<DataError>([&] { Run(); }), HasSubstr("brings no split"));
}

TEST_F(SplitLog, ItemTasksSplitByTheSameRules) {
  options_.task_by = "item";
  const std::vector<Event> events = Run();
  EXPECT_EQ(WithoutParts(events), WithoutParts(log_));
  ExpectScenariosTellTheTruth(events);
  EXPECT_EQ(UsersOf(events, "train").size(), 42u);
}

TEST_F(SplitLog, FractionsOfZeroLeaveTheirPartsEmpty) {
  options_.split.test_users = options_.split.validation_users = 0;
  options_.split.test_items = options_.split.validation_items = 0;
  options_.split.validation_events = 0;
  for (const Event& event : Run()) {
    EXPECT_TRUE(event.part == "train" || event.part == "test/non_cold") << event.part;
  }
}

TEST_F(SplitLog, SplittingADataSetAnewEqualsConvertingWithThatSplit) {
  options_.split.seed = 7;
  const std::vector<Event> expected = Sorted(Run());
  options_.output = folder_ / "other";
  options_.split.seed = 3;
  options_.split.kind = SplitKind::kTime;
  EXPECT_NE(Sorted(Run()), expected);
  SplitOptions split;
  split.seed = 7;
  const ConvertReport report = SplitDataset(folder_ / "other", folder_ / "anew", split);
  EXPECT_EQ(Sorted(EventsOf(folder_ / "anew")), expected);
  EXPECT_EQ(report.events, std::ssize(log_));
}

TEST_F(SplitLog, SplittingAnewKeepsFeaturesAndUnseenItems) {
  options_.columns.item_features = folder_.Write(
      "items.csv",
      "item,title,kind,size:float,spot:float_seq\ni0,Zero,a|b,1.5,1 2\nnew,New,c,2,3 4\n");
  options_.keep_unseen_items = true;
  Run();
  SplitDataset(options_.output, folder_ / "anew", {});
  const Dataset anew({.path = folder_ / "anew"});
  EXPECT_EQ(TitleOf(anew.items(), "new"), "New");
  EXPECT_THAT(CategoriesOf(anew.items(), "i0", "kind"), testing::UnorderedElementsAre("a", "b"));
  EXPECT_EQ(anew.items().size(), kItems + 1);
  const int64_t zero = BuildIdIndex(anew.items()).at("i0");
  EXPECT_EQ(anew.items().FindFeature("size")->numbers[zero], 1.5F);
  EXPECT_EQ(anew.items().FindFeature("spot")->numbers[2 * zero + 1], 2.0F);
  EXPECT_EQ(anew.manifest().name, "log");
}

TEST_F(SplitLog, SplittingAnewRefusesItselfAndGiven) {
  Run();
  EXPECT_THAT(
      MessageOf<UsageError>([&] { SplitDataset(options_.output, options_.output, {}, true); }),
      HasSubstr("same folder"));
  SplitOptions split;
  split.kind = SplitKind::kGiven;
  EXPECT_THAT(MessageOf<UsageError>([&] { SplitDataset(options_.output, folder_ / "b", split); }),
              HasSubstr("--split given"));
  EXPECT_EQ(EventsOf(options_.output).size(), log_.size());
}

TEST(GivenSplit, CarvesValidationUsersOutOfTraining) {
  const ScratchFolder folder;
  std::string items = "{", labels = "{";
  for (int user = 0; user < 30; ++user) {
    items += fmt::format("{}\"{}\": [1, 2]", user == 0 ? "" : ", ", user);
    labels += fmt::format("{}\"{}\": [3, 4]", user == 0 ? "" : ", ", user);
  }
  folder.Write("meta_training.json", items + "}");
  folder.Write("meta_training_y.json", labels + "}");
  for (const std::string name :
       {"user_cold_testing", "item_cold_testing", "user_and_item_cold_testing"}) {
    folder.Write(name + ".json", "{}");
    folder.Write(name + "_y.json", "{}");
  }
  folder.Write("warm_up.json", R"({"0": [3]})");
  folder.Write("warm_up_y.json", R"({"0": [5]})");
  ConvertOptions options;
  options.format = "metahin";
  options.input = folder.path();
  options.output = folder / "data";
  ConvertLog(options);
  std::map<std::string, std::set<std::string>> users;
  for (const Event& event : EventsOf(options.output)) users[event.part].insert(event.user);
  EXPECT_EQ(users["train"].size(), 27u);
  EXPECT_EQ(users["validation/user_cold"].size(), 3u);
  EXPECT_EQ(users["test/non_cold"].size(), 1u);
  EXPECT_EQ(users.size(), 3u);
  for (const std::string& user : users["validation/user_cold"]) {
    EXPECT_FALSE(users["train"].contains(user));
  }
  options.split.validation_fraction = 0;
  options.overwrite = true;
  EXPECT_EQ(ConvertLog(options).parts[0].tasks, 30);
}

TEST(GivenSplit, KeepsRolesUnlessSplitAnew) {
  const ScratchFolder folder;
  const std::string header = "episode\trole\tuser\titem\tlabel\n";
  folder.Write("training.tsv", header + "0\tquery\tu\tx\t1\n0\tsupport\tu\ty\t0\n");
  folder.Write("validation.tsv", header + "0\tsupport\tv\tx\t1\n");
  folder.Write("testing.tsv", header + "0\tsupport\tw\tx\t1\n");
  ConvertOptions options;
  options.format = "episodes";
  options.input = folder.path();
  options.output = folder / "data";
  ConvertLog(options);
  EXPECT_TRUE(ReadManifest(options.output).has_roles);
  EXPECT_THAT(
      EventsOf(options.output),
      testing::ElementsAre(Event{"u", "x", 1, 0, 2, "train"}, Event{"u", "y", 0, 0, 1, "train"},
                           Event{"v", "x", 1, 0, 1, "validation/user_cold"},
                           Event{"w", "x", 1, 0, 1, "test/user_cold"}));
  options.split.kind = SplitKind::kNone;
  options.overwrite = true;
  ConvertLog(options);
  EXPECT_FALSE(ReadManifest(options.output).has_roles);
}

TEST(SplitOptions, AreChecked) {
  SplitOptions options;
  options.test_users = 0.95;
  EXPECT_THAT(MessageOf<UsageError>([&] { CheckSplitOptions(options); }),
              HasSubstr("leave nothing to train on"));
  options = {};
  options.test_items = 1.0;
  EXPECT_THAT(MessageOf<UsageError>([&] { CheckSplitOptions(options); }),
              HasSubstr("test_items is 1"));
  options = {};
  options.validation_fraction = -0.1;
  EXPECT_THAT(MessageOf<UsageError>([&] { CheckSplitOptions(options); }),
              HasSubstr("validation_fraction is -0.1"));
  EXPECT_EQ(ParseSplitKind("time"), SplitKind::kTime);
  EXPECT_THAT(MessageOf<UsageError>([] { ParseSplitKind("rand"); }), HasSubstr("random"));
}

}  // namespace
}  // namespace hearth

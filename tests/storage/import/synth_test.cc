#include "storage/import/synth.h"

#include <map>

#include "common/random.h"
#include "storage/import/synth_world.h"
#include "tests/storage/import/import_testing.h"

namespace hearth {
namespace {

using namespace import_testing;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Synth : public ::testing::Test {
 protected:
  Synth() {
    options_.output = folder_ / "data";
    options_.overwrite = true;
    options_.users = 200;
    options_.items = 100;
    options_.events_per_user = 20;
  }
  std::vector<Event> Run() {
    report_ = Synthesize(options_);
    return EventsOf(options_.output);
  }

  ScratchFolder folder_;
  SynthOptions options_;
  ConvertReport report_;
};

TEST_F(Synth, WritesAPlausibleLog) {
  const std::vector<Event> events = Run();
  EXPECT_EQ(report_.users, 200);
  EXPECT_GT(report_.items, 90);  // a few items have no event
  EXPECT_LE(report_.items, 100);
  EXPECT_EQ(report_.duplicates, 0);
  EXPECT_NEAR(static_cast<double>(report_.events) / 200, 20, 3);
  EXPECT_TRUE(report_.has_time);
  for (const Event& event : events) {
    EXPECT_TRUE(event.label == std::round(event.label) && event.label >= 1 && event.label <= 5);
  }
  const Dataset dataset({.path = options_.output});
  EXPECT_EQ(dataset.items().FindFeature("genre")->kind, FeatureKind::kCategories);
  EXPECT_NE(dataset.users().FindFeature("occupation"), nullptr);
  EXPECT_NE(dataset.users().FindFeature("age"), nullptr);
  EXPECT_NE(dataset.items().FindFeature("year"), nullptr);
}

TEST_F(Synth, IsAPureFunctionOfItsOptions) {
  const std::vector<Event> events = Run();
  const std::string hash = ManifestHash(options_.output);
  EXPECT_EQ(Run(), events);
  EXPECT_EQ(ManifestHash(options_.output), hash);
  options_.seed = 2;
  EXPECT_NE(Run(), events);
}

TEST_F(Synth, RecordsTheErrorOfItsOwnExpectationPerTask) {
  const std::vector<Event> events = Run();
  const SynthTruth truth(options_);
  std::map<std::string, std::map<std::string, std::vector<double>>> errors;  // part, user
  for (const Event& event : events) {
    errors[event.part][event.user].push_back(event.label -
                                             truth.ExpectedLabel(event.user, event.item));
  }
  const DatasetManifest manifest = ReadManifest(options_.output);
  EXPECT_EQ(manifest.facts.size(), 2 * errors.size());
  for (const auto& [part, users] : errors) {
    double rmse = 0, mae = 0;
    for (const auto& [user, list] : users) {
      double squares = 0, absolutes = 0;
      for (const double error : list) {
        squares += error * error;
        absolutes += std::abs(error);
      }
      rmse += std::sqrt(squares / static_cast<double>(list.size()));
      mae += absolutes / static_cast<double>(list.size());
    }
    const auto tasks = static_cast<double>(users.size());
    EXPECT_NEAR(manifest.facts.at("truth_rmse/" + part), rmse / tasks, 1e-9);
    EXPECT_NEAR(manifest.facts.at("truth_mae/" + part), mae / tasks, 1e-9);
  }
}

TEST_F(Synth, WithoutNoiseTheTruthIsExact) {
  options_.bias_share = 0.2;
  options_.quality_share = 0.3;
  options_.taste_share = 0.5;
  Run();
  for (const auto& [key, value] : ReadManifest(options_.output).facts) EXPECT_EQ(value, 0.0) << key;
  options_.real_labels = true;
  Run();
  for (const auto& [key, value] : ReadManifest(options_.output).facts) {
    EXPECT_NEAR(value, 0.0, 1e-6) << key;  // labels are stored as float32
  }
}

TEST_F(Synth, RealLabelsErrByTheNoiseAlone) {
  options_.real_labels = true;
  options_.events_per_user = 25;
  Run();
  // The noise has 0.25 of the label variance, and labels have a standard deviation of 1.1. Short
  // tasks make the mean of the roots a little smaller.
  EXPECT_NEAR(ReadManifest(options_.output).facts.at("truth_rmse/train"), 1.1 * 0.5, 0.04);
}

TEST_F(Synth, ExpectsTheMeanOfRoundedAndClippedScores) {
  // Simulate the noise of single events and compare with the closed form.
  const SynthWorld world(options_);
  SynthOptions real = options_;
  real.real_labels = true;
  const SynthWorld scores(real);
  RandomStream random(3, Purpose::kTest);
  for (int pair = 0; pair < 10; ++pair) {
    const SynthUser user = world.User(random.NextBelow(200));
    const int64_t item = random.NextBelow(100);
    const double mean = scores.ExpectedLabel(user, item);
    constexpr int kDraws = 200'000;
    double sum = 0;
    for (int i = 0; i < kDraws; ++i) {
      sum += std::clamp(std::round(mean + 1.1 * 0.5 * random.NextNormal()), 1.0, 5.0);
    }
    EXPECT_NEAR(world.ExpectedLabel(user, item), sum / kDraws, 0.006);
  }
}

TEST_F(Synth, GivesEachPartOfTheScoreItsShareOfVariance) {
  options_.users = 3000;
  options_.items = 1000;
  options_.events_per_user = 60;
  options_.real_labels = true;
  const SynthWorld world(options_);
  RandomStream random(4, Purpose::kTest);
  double sum = 0, squares = 0;
  constexpr int kPairs = 20'000;
  for (int i = 0; i < kPairs; ++i) {
    const SynthUser user = world.User(random.NextBelow(3000));
    const double score = world.MeanScore(user, random.NextBelow(1000));
    sum += score;
    squares += score * score;
  }
  const double variance = squares / kPairs - (sum / kPairs) * (sum / kPairs);
  EXPECT_NEAR(variance / (1.1 * 1.1), 0.75, 0.08);
}

TEST_F(Synth, HistoriesAreInTimeOrderWithoutRepeatsAndRespectReleases) {
  const SynthWorld world(options_);
  std::map<int64_t, int64_t> popularity;
  for (int64_t user = 0; user < options_.users; ++user) {
    std::map<int64_t, int> seen;
    int64_t before = 0;
    for (const SynthEvent& event : world.History(user)) {
      EXPECT_GE(event.time, before);
      EXPECT_GE(event.time, world.Item(event.item).release_time);
      EXPECT_EQ(++seen[event.item], 1);
      before = event.time;
      ++popularity[event.item];
    }
    EXPECT_LE(seen.size(), 25u);
  }
  std::vector<int64_t> counts;
  for (const auto& [item, count] : popularity) counts.push_back(count);
  std::sort(counts.rbegin(), counts.rend());
  int64_t head = 0, all = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    all += counts[i];
    if (i < 10) head += counts[i];
  }
  EXPECT_GT(static_cast<double>(head), 0.18 * static_cast<double>(all));
}

TEST_F(Synth, ItsOptionsCanBeHadFromTheManifestAndFromASplitOfIt) {
  options_.seed = 9;
  options_.taste_share = 0.4;
  Run();
  const auto found = SynthOptionsOf(ReadManifest(options_.output));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->seed, 9u);
  EXPECT_EQ(found->users, 200);
  const SynthTruth truth(options_), again(*found);
  EXPECT_EQ(truth.ExpectedLabel("u3", "i4"), again.ExpectedLabel("u3", "i4"));
  SplitDataset(options_.output, folder_ / "anew", {});
  EXPECT_EQ(SynthOptionsOf(ReadManifest(folder_ / "anew"))->seed, 9u);
  EXPECT_TRUE(ReadManifest(folder_ / "anew").facts.empty());
  EXPECT_FALSE(SynthOptionsOf(DatasetManifest{}).has_value());
  EXPECT_THAT(MessageOf<DataError>([&] { truth.ExpectedLabel("u200", "i0"); }),
              AllOf(HasSubstr("'u200'"), HasSubstr("no user of this simulation")));
}

TEST_F(Synth, RefusesOptionsOutOfRange) {
  options_.taste_share = 0.9;
  EXPECT_THAT(MessageOf<UsageError>([&] { Run(); }), HasSubstr("taste_share"));
  options_.taste_share = 0.1;
  options_.events_per_user = 26;
  EXPECT_THAT(MessageOf<UsageError>([&] { Run(); }), HasSubstr("events_per_user is 26"));
  options_.events_per_user = 20;
  options_.users = 1;
  EXPECT_THAT(MessageOf<UsageError>([&] { Run(); }), HasSubstr("users is 1"));
  EXPECT_FALSE(std::filesystem::exists(options_.output));
}

}  // namespace
}  // namespace hearth

#include "sampler/episode_sampler.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

// A task of `count` events that owns its columns.
struct OwnedTask {
  explicit OwnedTask(int64_t count) : items(count), labels(items.size()) {}
  explicit OwnedTask(std::vector<uint8_t> given)
      : items(given.size()), labels(given.size()), roles(std::move(given)) {}
  TaskView view() const {
    return {.id = 0, .items = items, .times = {}, .labels = labels, .roles = roles};
  }

  std::vector<uint32_t> items;
  std::vector<float> labels;
  std::vector<uint8_t> roles;
};

RandomStream Stream(uint64_t number) { return RandomStream(5, Purpose::kTest, number); }

bool IsStrictlyAscending(const std::vector<int64_t>& values) {
  return std::ranges::adjacent_find(values, std::ranges::greater_equal()) == values.end();
}

TEST(EpisodeSampler, SizesFollowTheRuleForEveryTaskLength) {
  for (const EpisodeOrder order : {EpisodeOrder::kTime, EpisodeOrder::kRandom}) {
    for (const int64_t support_min : {1, 3, 7}) {
      const EpisodeSampler sampler(
          {.support = 7, .support_min = support_min, .query = 4, .min_events = 2, .order = order});
      for (int64_t n = support_min + 1; n < 30; ++n) {
        const OwnedTask task(n);
        const Episode episode = sampler.Draw(task.view(), Stream(static_cast<uint64_t>(n)));
        const int64_t query = std::min<int64_t>(4, n - support_min);
        EXPECT_EQ(std::ssize(episode.query), query) << n;
        EXPECT_EQ(std::ssize(episode.support), std::min<int64_t>(7, n - query)) << n;
        EXPECT_GE(std::ssize(episode.support), 1);
        EXPECT_GE(std::ssize(episode.query), 1);

        EXPECT_TRUE(IsStrictlyAscending(episode.support));
        EXPECT_TRUE(IsStrictlyAscending(episode.query));
        std::set<int64_t> all(episode.support.begin(), episode.support.end());
        all.insert(episode.query.begin(), episode.query.end());
        EXPECT_EQ(all.size(), episode.support.size() + episode.query.size());
        EXPECT_GE(*all.begin(), 0);
        EXPECT_LT(*all.rbegin(), n);
      }
    }
  }
}

TEST(EpisodeSampler, TimeOrderTakesTheEarliestAsSupportAndAnyLaterOnesAsQuery) {
  const EpisodeSampler sampler({.support = 3, .query = 2, .order = EpisodeOrder::kTime});
  const OwnedTask task(10);
  std::map<int64_t, int> seen;
  constexpr int kDraws = 7000;
  for (int i = 0; i < kDraws; ++i) {
    const Episode episode = sampler.Draw(task.view(), Stream(static_cast<uint64_t>(i)));
    ASSERT_THAT(episode.support, ElementsAre(0, 1, 2));
    ASSERT_GT(episode.query.front(), episode.support.back());
    for (const int64_t position : episode.query) ++seen[position];
  }
  ASSERT_EQ(seen.size(), 7u);
  for (const auto& [position, count] : seen) EXPECT_NEAR(count, kDraws * 2 / 7, 200) << position;
}

TEST(EpisodeSampler, RandomOrderUsesEveryEventEquallyOften) {
  const EpisodeSampler sampler({.support = 3, .query = 2, .order = EpisodeOrder::kRandom});
  const OwnedTask task(10);
  std::vector<int> support(10), query(10);
  constexpr int kDraws = 10000;
  for (int i = 0; i < kDraws; ++i) {
    const Episode episode = sampler.Draw(task.view(), Stream(static_cast<uint64_t>(i)));
    for (const int64_t position : episode.support) ++support[position];
    for (const int64_t position : episode.query) ++query[position];
  }
  // Five standard deviations.
  for (const int count : support) EXPECT_NEAR(count, 3000, 230);
  for (const int count : query) EXPECT_NEAR(count, 2000, 200);
}

TEST(EpisodeSampler, GivenRolesAreKept) {
  // 0 = any (counts as support), 1 = support, 2 = query.
  const OwnedTask task(std::vector<uint8_t>{2, 1, 0, 2, 1, 2});
  const EpisodeSampler all({.min_events = 2, .order = EpisodeOrder::kGiven});
  const Episode episode = all.Draw(task.view(), Stream(0));
  EXPECT_THAT(episode.support, ElementsAre(1, 2, 4));
  EXPECT_THAT(episode.query, ElementsAre(0, 3, 5));

  const EpisodeSampler some(
      {.support = 2, .query = 1, .min_events = 2, .order = EpisodeOrder::kGiven});
  std::set<std::vector<int64_t>> supports, queries;
  for (uint64_t i = 0; i < 200; ++i) {
    const Episode drawn = some.Draw(task.view(), Stream(i));
    supports.insert(drawn.support);
    queries.insert(drawn.query);
  }
  EXPECT_THAT(supports,
              UnorderedElementsAre(ElementsAre(1, 2), ElementsAre(1, 4), ElementsAre(2, 4)));
  EXPECT_THAT(queries, UnorderedElementsAre(ElementsAre(0), ElementsAre(3), ElementsAre(5)));
}

TEST(EpisodeSampler, EligibleTasksHaveEnoughEventsOfEachRole) {
  const EpisodeSampler time({.support_min = 3, .min_events = 2, .order = EpisodeOrder::kTime});
  EXPECT_FALSE(time.IsEligible(OwnedTask(0).view()));
  EXPECT_FALSE(time.IsEligible(OwnedTask(3).view()));
  EXPECT_TRUE(time.IsEligible(OwnedTask(4).view()));
  const EpisodeSampler long_only({.min_events = 9});
  EXPECT_FALSE(long_only.IsEligible(OwnedTask(8).view()));
  EXPECT_TRUE(long_only.IsEligible(OwnedTask(9).view()));

  const EpisodeSampler given({.support_min = 2, .min_events = 2, .order = EpisodeOrder::kGiven});
  EXPECT_TRUE(given.IsEligible(OwnedTask(std::vector<uint8_t>{1, 0, 2}).view()));
  EXPECT_FALSE(given.IsEligible(OwnedTask(std::vector<uint8_t>{1, 1, 1, 1}).view()));
  EXPECT_FALSE(given.IsEligible(OwnedTask(std::vector<uint8_t>{1, 2, 2, 2}).view()));
}

// Counts the draws of each support size for a long task.
std::map<int64_t, int> SupportSizes(SupportDraw draw, int draws) {
  const EpisodeSampler sampler({.support = 10, .support_min = 2, .support_draw = draw, .query = 5});
  const OwnedTask task(100);
  std::map<int64_t, int> counts;
  for (int i = 0; i < draws; ++i) {
    ++counts[sampler.Sizes(task.view(), Stream(static_cast<uint64_t>(i))).support];
  }
  return counts;
}

TEST(EpisodeSampler, DrawsSupportSizesUniformly) {
  const auto counts = SupportSizes(SupportDraw::kUniform, 9000);
  ASSERT_EQ(counts.size(), 9u);
  for (const auto& [size, count] : counts) {
    EXPECT_TRUE(size >= 2 && size <= 10);
    EXPECT_NEAR(count, 1000, 150) << size;
  }
}

TEST(EpisodeSampler, DrawsSupportSizesLogUniformly) {
  const auto counts = SupportSizes(SupportDraw::kLogUniform, 20000);
  ASSERT_EQ(counts.size(), 9u);
  for (const auto& [size, count] : counts) {
    const double k = static_cast<double>(size);
    const double expected = 20000 * std::log((k + 1) / k) / std::log(11.0 / 2.0);
    EXPECT_NEAR(count, expected, 5 * std::sqrt(expected)) << size;
  }
}

TEST(EpisodeSampler, SizesAnnounceTheDrawWhateverTheOptions) {
  for (const SupportDraw draw :
       {SupportDraw::kMax, SupportDraw::kUniform, SupportDraw::kLogUniform}) {
    for (const EpisodeOrder order : {EpisodeOrder::kTime, EpisodeOrder::kRandom}) {
      const EpisodeSampler sampler(
          {.support = 9, .support_draw = draw, .query = 4, .order = order});
      for (int64_t n = 2; n < 25; ++n) {
        const OwnedTask task(n);
        const EpisodeSizes sizes = sampler.Sizes(task.view(), Stream(static_cast<uint64_t>(n)));
        const Episode episode = sampler.Draw(task.view(), Stream(static_cast<uint64_t>(n)));
        EXPECT_EQ(sizes.support, std::ssize(episode.support));
        EXPECT_EQ(sizes.query, std::ssize(episode.query));
      }
    }
  }
}

TEST(EpisodeSampler, EvaluationKeepsTheQuerySetAndNestsTheSupportSets) {
  std::vector<uint8_t> roles(40, 1);
  for (size_t i = 0; i < roles.size(); i += 3) roles[i] = 2;
  const OwnedTask task(roles);
  for (const EpisodeOrder order :
       {EpisodeOrder::kTime, EpisodeOrder::kRandom, EpisodeOrder::kGiven}) {
    const TaskOptions options{.support = 12, .support_min = 2, .query = 6, .order = order};
    const Episode full = EpisodeSampler::ForEvaluation(options, 12).Draw(task.view(), Stream(3));
    ASSERT_EQ(full.support.size(), 12u);
    std::vector<int64_t> previous;
    for (int64_t k = 1; k <= 12; ++k) {
      const Episode episode =
          EpisodeSampler::ForEvaluation(options, k).Draw(task.view(), Stream(3));
      EXPECT_EQ(episode.query, full.query) << k;
      EXPECT_EQ(std::ssize(episode.support), k);
      EXPECT_TRUE(std::ranges::includes(episode.support, previous)) << k;
      previous = episode.support;
    }
  }
}

TEST(EpisodeSampler, EvaluationTakesMoreSupportThanTrainingWhenAsked) {
  const TaskOptions options{.support = 5, .query = 4, .order = EpisodeOrder::kTime};
  const OwnedTask task(40);
  const Episode episode = EpisodeSampler::ForEvaluation(options, 30).Draw(task.view(), Stream(0));
  EXPECT_EQ(episode.support.size(), 30u);
  EXPECT_GE(episode.query.front(), 30);
}

TEST(EpisodeSampler, EvaluationOfShortTasksKeepsTimeOrder) {
  const TaskOptions options{.support = 20, .query = 10, .order = EpisodeOrder::kTime};
  for (int64_t n = 2; n < 40; ++n) {
    const OwnedTask task(n);
    for (const int64_t k : {1, 5, 20}) {
      const Episode episode =
          EpisodeSampler::ForEvaluation(options, k).Draw(task.view(), Stream(1));
      EXPECT_EQ(std::ssize(episode.query), std::min<int64_t>(10, n - 1));
      EXPECT_LT(episode.support.back(), episode.query.front());
      EXPECT_LT(episode.query.back(), n);
    }
  }
}

}  // namespace
}  // namespace hearth

#include "sampler/evaluation_episodes.h"

#include <algorithm>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sampler/meta_batch_loader.h"
#include "tests/sampler/test_dataset.h"

namespace hearth {
namespace {

constexpr Part kPart{Split::kValidation, Scenario::kUserCold};

TaskOptions SmallOptions() {
  return {.support = 6, .query = 4, .min_events = 5, .order = EpisodeOrder::kRandom, .chunk = 4};
}

struct TaskRowsOfOne {
  std::vector<int64_t> support, query;
  bool operator==(const TaskRowsOfOne&) const = default;
};
using EpisodeMap = std::map<std::pair<int64_t, int64_t>, TaskRowsOfOne>;  // (draw, task id)

// Returns the episodes of all ranks by draw and task. Every episode must be on one rank only.
EpisodeMap AllEpisodes(const Dataset& dataset, const EvaluationEpisodesOptions& options,
                       int world_size = 1, const TaskOptions& task_options = SmallOptions()) {
  EpisodeMap all;
  int64_t chunks = 0, global_chunks = 0;
  for (int rank = 0; rank < world_size; ++rank) {
    const EvaluationEpisodes episodes(dataset, kPart, task_options, options, {rank, world_size});
    chunks += episodes.chunk_count();
    global_chunks = episodes.global_chunk_count();
    for (int64_t i = 0; i < episodes.chunk_count(); ++i) {
      const Chunk chunk = episodes.Build(i);
      for (size_t t = 0; t < chunk.task_ids.size(); ++t) {
        const auto rows_of = [&](const TaskRows& rows) {
          return std::vector<int64_t>(rows.items.begin() + rows.offsets[t],
                                      rows.items.begin() + rows.offsets[t + 1]);
        };
        const bool is_new = all.emplace(std::pair(episodes.DrawOf(chunk), chunk.task_ids[t]),
                                        TaskRowsOfOne{rows_of(chunk.support), rows_of(chunk.query)})
                                .second;
        EXPECT_TRUE(is_new);
      }
    }
  }
  EXPECT_EQ(chunks, global_chunks);
  return all;
}

TEST(EvaluationEpisodes, HoldEveryEligibleTaskOncePerDraw) {
  const testing::TestData data = testing::RandomData({10});
  const testing::TestDataset dataset(data);
  std::set<std::pair<int64_t, int64_t>> expected;
  for (const auto& shard : data.parts.at(NameOf(kPart))) {
    for (const testing::TestTask& task : shard) {
      for (int64_t draw = 0; draw < 3 && task.items.size() >= 5; ++draw) {
        expected.emplace(draw, task.id);
      }
    }
  }
  const EvaluationEpisodes episodes(*dataset, kPart, SmallOptions(), {.draws = 3});
  EXPECT_EQ(episodes.part_task_count(), 40);
  EXPECT_EQ(episodes.eligible_task_count() * 3, std::ssize(expected));
  EXPECT_EQ(episodes.task_count(), episodes.eligible_task_count());
  std::set<std::pair<int64_t, int64_t>> found;
  for (const auto& [key, rows] : AllEpisodes(*dataset, {.draws = 3})) found.insert(key);
  EXPECT_EQ(found, expected);
}

TEST(EvaluationEpisodes, AreTheSameForAnyWorldSize) {
  const testing::TestDataset dataset(testing::RandomData({10}));
  const EpisodeMap alone = AllEpisodes(*dataset, {.draws = 2, .seed = 4});
  for (const int world_size : {2, 3, 4, 50}) {
    EXPECT_EQ(AllEpisodes(*dataset, {.draws = 2, .seed = 4}, world_size), alone) << world_size;
  }
}

TEST(EvaluationEpisodes, DifferByDrawAndSeed) {
  const testing::TestDataset dataset(testing::RandomData({10}));
  const EpisodeMap two = AllEpisodes(*dataset, {.draws = 2});
  int64_t different = 0, tasks = 0;
  for (const auto& [key, rows] : two) {
    if (key.first != 0) continue;
    ++tasks;
    if (two.at({1, key.second}) != rows) ++different;
  }
  EXPECT_GT(different, tasks / 2);
  EXPECT_NE(AllEpisodes(*dataset, {.seed = 1}), AllEpisodes(*dataset, {.seed = 2}));
  // The first draw does not depend on how many follow.
  for (const auto& [key, rows] : AllEpisodes(*dataset, {.draws = 1})) EXPECT_EQ(two.at(key), rows);
}

TEST(EvaluationEpisodes, QuerySetsAreTheSameAlongTheShotCurve) {
  const testing::TestDataset dataset(testing::RandomData({10}));
  for (const EpisodeOrder order : {EpisodeOrder::kTime, EpisodeOrder::kRandom}) {
    TaskOptions task_options = SmallOptions();
    task_options.order = order;
    const EpisodeMap full = AllEpisodes(*dataset, {}, 1, task_options);
    for (const int64_t support : {1, 3, 5}) {
      const EpisodeMap few = AllEpisodes(*dataset, {.support = support}, 1, task_options);
      ASSERT_EQ(few.size(), full.size());
      for (const auto& [key, rows] : few) {
        EXPECT_EQ(rows.query, full.at(key).query);
        EXPECT_LE(std::ssize(rows.support), support);
        EXPECT_GE(std::ssize(rows.support), 1);
      }
    }
  }
}

TEST(EvaluationEpisodes, ACapSpreadsOverThePartAndKeepsTheEpisodes) {
  const testing::TestDataset dataset(testing::RandomData({10}));
  const EpisodeMap all = AllEpisodes(*dataset, {.seed = 9});
  const auto total = std::ssize(all);
  for (const int64_t cap : {1, 2, 7, 20}) {
    const EpisodeMap some = AllEpisodes(*dataset, {.max_tasks = cap, .seed = 9});
    ASSERT_EQ(std::ssize(some), cap);
    int64_t previous = -1, ordinal = 0;
    for (const auto& [key, rows] : all) {
      if (some.contains(key)) {
        EXPECT_EQ(some.at(key), rows);
        if (previous >= 0) {
          EXPECT_LE(std::abs(static_cast<double>(ordinal - previous) -
                             static_cast<double>(total) / static_cast<double>(cap)),
                    1.0);
        }
        previous = ordinal;
      }
      ++ordinal;
    }
  }
  EXPECT_EQ(AllEpisodes(*dataset, {.max_tasks = 1000, .seed = 9}), all);
}

TEST(EvaluationEpisodes, ACapChoosesOtherTasksForOtherSeeds) {
  const testing::TestDataset dataset(testing::RandomData({10}));
  std::set<int64_t> chosen;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    chosen.insert(AllEpisodes(*dataset, {.max_tasks = 1, .seed = seed}).begin()->first.second);
  }
  EXPECT_GT(chosen.size(), 5u);
}

TEST(EvaluationEpisodes, ChunksAreNumberedAndSmall) {
  const testing::TestDataset dataset(testing::RandomData({10}));
  const EvaluationEpisodes episodes(*dataset, kPart, SmallOptions(), {.draws = 2});
  ASSERT_EQ(episodes.chunk_count(), episodes.global_chunk_count());
  for (int64_t i = 0; i < episodes.chunk_count(); ++i) {
    const Chunk chunk = episodes.Build(i);
    EXPECT_EQ(chunk.number, i);
    EXPECT_GE(chunk.task_count(), 1);
    EXPECT_LE(chunk.task_count(), 4);
  }
}

TEST(EvaluationEpisodes, APartWithoutTasksGivesNone) {
  const testing::TestDataset dataset(testing::RandomData({10}));
  const Part missing{Split::kTest, Scenario::kBothCold};
  const EvaluationEpisodes episodes(*dataset, missing, SmallOptions(), {});
  EXPECT_EQ(episodes.task_count(), 0);
  EXPECT_EQ(episodes.chunk_count(), 0);
  EXPECT_EQ(episodes.global_chunk_count(), 0);
}

TEST(EvaluationEpisodes, DoNotRepeatTheEpisodesOfTraining) {
  const testing::TestDataset dataset(testing::RandomData({10}));
  MetaBatchLoader loader(*dataset, kTrainPart, SmallOptions(), 0);
  std::map<int64_t, std::vector<int64_t>> trained;
  for (const Chunk& chunk : loader.Next().chunks) {
    for (size_t t = 0; t < chunk.task_ids.size(); ++t) {
      trained[chunk.task_ids[t]] = {chunk.query.items.begin() + chunk.query.offsets[t],
                                    chunk.query.items.begin() + chunk.query.offsets[t + 1]};
    }
  }
  const EvaluationEpisodes episodes(*dataset, kTrainPart, SmallOptions(), {});
  int64_t different = 0;
  for (int64_t i = 0; i < episodes.chunk_count(); ++i) {
    const Chunk chunk = episodes.Build(i);
    for (size_t t = 0; t < chunk.task_ids.size(); ++t) {
      const std::vector<int64_t> query(chunk.query.items.begin() + chunk.query.offsets[t],
                                       chunk.query.items.begin() + chunk.query.offsets[t + 1]);
      if (trained[chunk.task_ids[t]] != query) ++different;
    }
  }
  EXPECT_GT(different, std::ssize(trained) / 2);
}

}  // namespace
}  // namespace hearth

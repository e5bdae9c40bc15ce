#include "sampler/meta_batch_loader.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/error.h"
#include "tests/sampler/test_dataset.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kSeed = 21;

TaskOptions SmallOptions() {
  return {.support = 6,
          .support_draw = SupportDraw::kUniform,
          .query = 4,
          .min_events = 5,
          .order = EpisodeOrder::kRandom,
          .per_step = 16,
          .chunk = 4,
          .negatives = 2,
          .shard_window = 2};
}

void ExpectEqual(const TaskRows& a, const TaskRows& b) {
  EXPECT_EQ(a.offsets, b.offsets);
  EXPECT_EQ(a.items, b.items);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.times, b.times);
  EXPECT_EQ(a.negatives, b.negatives);
}

void ExpectEqual(const Chunk& a, const Chunk& b) {
  EXPECT_EQ(a.number, b.number);
  EXPECT_EQ(a.task_ids, b.task_ids);
  ExpectEqual(a.support, b.support);
  ExpectEqual(a.query, b.query);
}

void ExpectEqual(const MetaBatch& a, const MetaBatch& b) {
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.epoch, b.epoch);
  ASSERT_EQ(a.chunks.size(), b.chunks.size());
  for (size_t i = 0; i < a.chunks.size(); ++i) ExpectEqual(a.chunks[i], b.chunks[i]);
}

// Puts the meta-batches of all ranks together, chunks by number.
MetaBatch Together(std::vector<std::unique_ptr<MetaBatchLoader>>& loaders) {
  MetaBatch all;
  for (const auto& loader : loaders) {
    const MetaBatch& part = loader->Next();
    all.step = part.step;
    all.epoch = part.epoch;
    all.global_chunk_count = part.global_chunk_count;
    EXPECT_TRUE(std::ranges::is_sorted(part.chunks, {}, &Chunk::number));
    all.chunks.insert(all.chunks.end(), part.chunks.begin(), part.chunks.end());
  }
  std::ranges::sort(all.chunks, {}, &Chunk::number);
  return all;
}

std::vector<std::unique_ptr<MetaBatchLoader>> World(const Dataset& dataset, int world_size,
                                                    const TaskOptions& options = SmallOptions()) {
  std::vector<std::unique_ptr<MetaBatchLoader>> loaders;
  for (int rank = 0; rank < world_size; ++rank) {
    loaders.push_back(std::make_unique<MetaBatchLoader>(dataset, kTrainPart, options, kSeed,
                                                        RankPlace{rank, world_size}));
  }
  return loaders;
}

std::set<int64_t> EligibleIds(const testing::TestData& data, int64_t min_events) {
  std::set<int64_t> ids;
  for (const auto& shard : data.parts.at("train")) {
    for (const testing::TestTask& task : shard) {
      if (std::ssize(task.items) >= min_events) ids.insert(task.id);
    }
  }
  return ids;
}

TEST(MetaBatchLoader, AnyWorldSizeGivesTheSameEpisodes) {
  const testing::TestDataset dataset(testing::RandomData({40, 25, 31, 3}));
  MetaBatchLoader alone(*dataset, kTrainPart, SmallOptions(), kSeed);
  std::map<int, std::vector<std::unique_ptr<MetaBatchLoader>>> worlds;
  for (const int world_size : {2, 3, 4, 7}) worlds[world_size] = World(*dataset, world_size);
  for (int64_t step = 0; step < 2 * alone.steps_per_epoch() + 1; ++step) {
    const MetaBatch& expected = alone.Next();
    for (auto& [world_size, loaders] : worlds) {
      SCOPED_TRACE(world_size);
      ExpectEqual(Together(loaders), expected);
    }
  }
}

TEST(MetaBatchLoader, AShardThatIsLeftOutChangesTheOrderAsIfItHadNeverBeenListed) {
  testing::TestData data = testing::RandomData({40, 25, 31, 3});
  const testing::TestDataset whole(data);
  Dataset left_out({.path = whole.folder(), .max_bad_shards = 1});
  left_out.LeaveOut({{(*whole).manifest().shards[1].file, "broken"}});
  auto& shards = data.parts.at("train");
  shards.erase(shards.begin() + 1);
  const testing::TestDataset expected(data);
  MetaBatchLoader loader(left_out, kTrainPart, SmallOptions(), kSeed);
  MetaBatchLoader expected_loader(*expected, kTrainPart, SmallOptions(), kSeed);
  ASSERT_EQ(loader.steps_per_epoch(), expected_loader.steps_per_epoch());
  for (int64_t step = 0; step < 2 * loader.steps_per_epoch() + 1; ++step) {
    ExpectEqual(loader.Next(), expected_loader.Next());
  }
}

// The kernel gives zeros, and no signal, for bytes cut off within a page.
TEST(MetaBatchLoader, AMappedShardThatIsCutShortAtAnyPlaceIsRefused) {
  const testing::TestDataset dataset(testing::RandomData({40, 25}));
  const std::string shard = (*dataset).Shard(0).path();
  const auto whole_bytes = static_cast<int64_t>(std::filesystem::file_size(shard));
  const int64_t page = ::sysconf(_SC_PAGESIZE);
  const std::string kept = shard + ".whole";
  std::filesystem::copy_file(shard, kept);
  for (int64_t size = (whole_bytes - 1) / page * page + 1; size < whole_bytes; size += 37) {
    const Dataset opened({.path = dataset.folder(), .read = ReadMode::kMmap});
    MetaBatchLoader loader(opened, kTrainPart, SmallOptions(), kSeed);
    loader.Next();
    std::filesystem::resize_file(shard, static_cast<uintmax_t>(size));
    EXPECT_THAT(
        [&] {
          for (int64_t step = 0; step < 2 * loader.steps_per_epoch(); ++step) loader.Next();
        },
        ::testing::ThrowsMessage<DataError>(::testing::HasSubstr(shard + "' was changed")))
        << size << " of " << whole_bytes << " bytes";
    std::filesystem::copy_file(kept, shard, std::filesystem::copy_options::overwrite_existing);
  }
}

TEST(MetaBatchLoader, EveryEligibleTaskIsUsedOncePerEpoch) {
  const testing::TestData data = testing::RandomData({40, 25, 31, 3});
  const testing::TestDataset dataset(data);
  const std::set<int64_t> eligible = EligibleIds(data, 5);
  MetaBatchLoader loader(*dataset, kTrainPart, SmallOptions(), kSeed);
  EXPECT_EQ(loader.task_count(), 99);
  EXPECT_EQ(loader.eligible_task_count(), std::ssize(eligible));
  std::vector<std::vector<int64_t>> orders;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<int64_t> seen;
    for (int64_t i = 0; i < loader.steps_per_epoch(); ++i) {
      const MetaBatch& batch = loader.Next();
      EXPECT_EQ(batch.epoch, epoch);
      EXPECT_EQ(batch.step, epoch * loader.steps_per_epoch() + i);
      for (const Chunk& chunk : batch.chunks) {
        seen.insert(seen.end(), chunk.task_ids.begin(), chunk.task_ids.end());
      }
    }
    orders.push_back(seen);
    std::ranges::sort(seen);
    EXPECT_TRUE(std::ranges::equal(seen, eligible));
  }
  EXPECT_NE(orders[0], orders[1]);
  EXPECT_NE(orders[1], orders[2]);
}

TEST(MetaBatchLoader, GlobalCountsAreTheSumsOverRanks) {
  const testing::TestDataset dataset(testing::RandomData({40, 25}));
  auto loaders = World(*dataset, 3);
  for (int64_t step = 0; step < loaders[0]->steps_per_epoch(); ++step) {
    int64_t tasks = 0, chunks = 0, query_rows = 0;
    std::vector<const MetaBatch*> batches;
    for (const auto& loader : loaders) batches.push_back(&loader->Next());
    for (const MetaBatch* batch : batches) {
      chunks += std::ssize(batch->chunks);
      for (const Chunk& chunk : batch->chunks) {
        tasks += chunk.task_count();
        query_rows += chunk.query.row_count();
      }
    }
    for (const MetaBatch* batch : batches) {
      EXPECT_EQ(batch->global_task_count, tasks);
      EXPECT_EQ(batch->global_chunk_count, chunks);
      EXPECT_EQ(batch->global_query_row_count, query_rows);
    }
  }
}

TEST(MetaBatchLoader, ChunksComeFromOneShard) {
  const testing::TestData data = testing::RandomData({40, 25, 31});
  const testing::TestDataset dataset(data);
  MetaBatchLoader loader(*dataset, kTrainPart, SmallOptions(), kSeed);
  const auto shard_of = [](int64_t id) { return id < 40 ? 0 : id < 65 ? 1 : 2; };
  for (int64_t i = 0; i < loader.steps_per_epoch(); ++i) {
    for (const Chunk& chunk : loader.Next().chunks) {
      EXPECT_LE(chunk.task_count(), 4);
      for (const int64_t id : chunk.task_ids) {
        EXPECT_EQ(shard_of(id), shard_of(chunk.task_ids.front()));
      }
    }
  }
}

TEST(MetaBatchLoader, SeekingToAStepEqualsRunningThere) {
  const testing::TestDataset dataset(testing::RandomData({40, 25, 31}));
  std::vector<MetaBatch> run;
  MetaBatchLoader runner(*dataset, kTrainPart, SmallOptions(), kSeed);
  for (int step = 0; step < 15; ++step) run.push_back(runner.Next());

  MetaBatchLoader seeker(*dataset, kTrainPart, SmallOptions(), kSeed);
  for (const int64_t step : {14, 0, 7, 8, 7, 13}) {
    seeker.SeekToStep(step);
    ExpectEqual(seeker.Next(), run[step]);
  }
  ExpectEqual(seeker.Next(), run[14]);
}

TEST(MetaBatchLoader, AShareOfChunksHidesItemIdsOnAnyRank) {
  const testing::TestDataset dataset(testing::RandomData({40}));
  TaskOptions options = SmallOptions();
  options.hidden_item_share = 0.3;
  int64_t chunks = 0, hidden = 0;
  MetaBatchLoader alone(*dataset, kTrainPart, options, 7);
  std::vector<std::unique_ptr<MetaBatchLoader>> ranks;
  for (int rank = 0; rank < 3; ++rank) {
    ranks.push_back(
        std::make_unique<MetaBatchLoader>(*dataset, kTrainPart, options, 7, RankPlace{rank, 3}));
  }
  for (int step = 0; step < 100; ++step) {
    std::map<int64_t, bool> expected, found;
    for (const Chunk& chunk : alone.Next().chunks) {
      expected[chunk.number] = chunk.hide_item_ids;
      ++chunks;
      if (chunk.hide_item_ids) ++hidden;
    }
    for (const auto& loader : ranks) {
      for (const Chunk& chunk : loader->Next().chunks) found[chunk.number] = chunk.hide_item_ids;
    }
    EXPECT_EQ(found, expected);
  }
  EXPECT_NEAR(static_cast<double>(hidden) / static_cast<double>(chunks), 0.3, 0.08);
}

TEST(MetaBatchLoader, OtherSeedsGiveOtherEpisodes) {
  const testing::TestDataset dataset(testing::RandomData({40}));
  MetaBatchLoader one(*dataset, kTrainPart, SmallOptions(), 1);
  MetaBatchLoader two(*dataset, kTrainPart, SmallOptions(), 2);
  EXPECT_NE(one.Next().chunks[0].task_ids, two.Next().chunks[0].task_ids);
}

TEST(MetaBatchLoader, TimeOrderHasNoSupportRowLaterThanAQueryRow) {
  const testing::TestDataset dataset(testing::RandomData({40, 25}));
  TaskOptions options = SmallOptions();
  options.order = EpisodeOrder::kTime;
  MetaBatchLoader loader(*dataset, kTrainPart, options, kSeed);
  for (int64_t i = 0; i < loader.steps_per_epoch(); ++i) {
    for (const Chunk& chunk : loader.Next().chunks) {
      for (size_t t = 0; t < chunk.task_ids.size(); ++t) {
        const auto last = chunk.support.offsets[t + 1] - 1;
        const auto first = chunk.query.offsets[t];
        EXPECT_LT(chunk.support.times[last], chunk.query.times[first]);
      }
    }
  }
}

TEST(MetaBatchLoader, GivenRolesDecide) {
  testing::TestData data = testing::RandomData({30});
  data.has_roles = true;
  data.parts.erase("validation/user_cold");
  for (testing::TestTask& task : data.parts["train"][0]) {
    for (size_t i = 0; i < task.items.size(); ++i) task.roles.push_back(i % 3 == 0 ? 2 : 1);
  }
  const testing::TestDataset dataset(data);
  TaskOptions options = SmallOptions();
  options.order = EpisodeOrder::kGiven;
  MetaBatchLoader loader(*dataset, kTrainPart, options, kSeed);
  // The label of an event is its position, and the position decided its role.
  for (int64_t i = 0; i < loader.steps_per_epoch(); ++i) {
    for (const Chunk& chunk : loader.Next().chunks) {
      for (const float label : chunk.query.labels) EXPECT_EQ(static_cast<int>(label) % 3, 0);
      for (const float label : chunk.support.labels) EXPECT_NE(static_cast<int>(label) % 3, 0);
    }
  }
}

TEST(MetaBatchLoader, OneTaskInOneShardLeavesOtherRanksWithoutChunks) {
  testing::TestData data{.user_count = 1, .item_count = 20, .parts = {}};
  data.parts["train"] = {{{.id = 0, .items = {1, 2, 3, 4, 5, 6}}}};
  const testing::TestDataset dataset(data);
  TaskOptions options = SmallOptions();
  options.negatives = 0;  // the data has no item beside its own
  auto loaders = World(*dataset, 3, options);
  for (int64_t step = 0; step < 5; ++step) {
    for (int rank = 0; rank < 3; ++rank) {
      const MetaBatch& batch = loaders[rank]->Next();
      EXPECT_EQ(batch.epoch, step);
      EXPECT_EQ(batch.global_task_count, 1);
      EXPECT_EQ(batch.global_chunk_count, 1);
      EXPECT_EQ(std::ssize(batch.chunks), rank == 0 ? 1 : 0);
    }
  }
}

TEST(MetaBatchLoader, ShardsWithoutAnEligibleTaskDoNoHarm) {
  testing::TestData data = testing::RandomData({20, 0, 20});
  data.parts["train"].push_back({{.id = 0, .items = {1}}});
  const testing::TestDataset dataset(data);
  MetaBatchLoader loader(*dataset, kTrainPart, SmallOptions(), kSeed);
  int64_t tasks = 0;
  for (int64_t i = 0; i < loader.steps_per_epoch(); ++i) tasks += loader.Next().global_task_count;
  EXPECT_EQ(tasks, loader.eligible_task_count());
}

TEST(MetaBatchLoader, DestroyedAtAnyMomentDoesNotHang) {
  const testing::TestDataset dataset(testing::RandomData({40}));
  for (int steps = 0; steps < 4; ++steps) {
    MetaBatchLoader loader(*dataset, kTrainPart, SmallOptions(), kSeed);
    for (int i = 0; i < steps; ++i) loader.Next();
    if (steps == 3) loader.SeekToStep(100);
  }
}

TEST(MetaBatchLoader, PartWithoutAnEligibleTaskIsRefused) {
  const testing::TestDataset dataset(testing::RandomData({10}, 4));
  try {
    MetaBatchLoader(*dataset, kTrainPart, SmallOptions(), kSeed);
    ADD_FAILURE() << "not refused";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("10 tasks of part 'train'"), HasSubstr("5 events"),
                                    HasSubstr("tasks.min_events")));
  }
}

TEST(MetaBatchLoader, GivenOrderNeedsDataWithRoles) {
  const testing::TestDataset dataset(testing::RandomData({10}));
  TaskOptions options = SmallOptions();
  options.order = EpisodeOrder::kGiven;
  EXPECT_THROW(MetaBatchLoader(*dataset, kTrainPart, options, kSeed), ConfigError);
}

TEST(MetaBatchLoader, ErrorOfThePrefetchingThreadSurfacesInNext) {
  // Task 1 has an event with every item, so it has no negative. The error names the task, and
  // either step of the epoch may have it.
  testing::TestData data{.user_count = 2, .item_count = 8, .parts = {}};
  data.parts["train"] = {
      {{.id = 0, .items = {0, 1, 2, 3, 4}}, {.id = 1, .items = {0, 1, 2, 3, 4, 5, 6, 7}}}};
  const testing::TestDataset dataset(data);
  TaskOptions options = SmallOptions();
  options.chunk = options.per_step = 1;
  MetaBatchLoader loader(*dataset, kTrainPart, options, kSeed);
  int errors = 0;
  for (int i = 0; i < 6; ++i) {
    try {
      EXPECT_EQ(loader.Next().chunks[0].task_ids[0], 0);
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr("'u1'"));
      ++errors;
    }
  }
  EXPECT_GE(errors, 4) << "the failed step is tried again, not skipped";
}

}  // namespace
}  // namespace hearth

#include "trainer/state/run_state.h"

#include <algorithm>
#include <map>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/thread_communicator.h"
#include "common/error.h"
#include "tests/trainer/support/training.h"
#include "trainer/state/checkpoint_saver.h"
#include "trainer/state/model_arrays.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kIds = 5 * 1024;

ParameterLayout Layout() {
  ParameterLayout layout;
  layout.Add({.name = "weight", .shape = {3, 2}});
  layout.Add({.name = "bias", .shape = {2}});
  return layout;
}

// A table with a row for every id and one of dynamic ids, both sharded on several ranks.
RunState MakeState(RankPlace place = {0, 1}, TableOptimizer optimizer = TableOptimizer::kAdam,
                   int64_t dim = 3) {
  const ParameterLayout layout = Layout();
  const TableOptions options = {
      .capacity = 2048, .admit_after = 2, .new_rows = TableOptions::NewRows::kMean};
  return {.parameters = InitializeMetaParameters(
              layout,
              {{.name = "genre", .row_count = 40, .dim = dim, .init_scale = 1.0},
               {.name = "item id", .row_count = kIds, .dim = 2, .init_scale = 1.0}},
              optimizer, /*seed=*/4, at::kFloat, options,
              {place.rank, place.world_size, /*replicate_bytes=*/0}),
          .optimizer = DenseOptimizer(OptimizerOptions(), layout, at::kFloat),
          .counters = {}};
}

// Ids of the second table, some in the same bucket.
std::vector<int64_t> IdsOfStep(int64_t step) {
  std::set<int64_t> ids;
  for (int64_t i = 0; i < 30; ++i) ids.insert((step % 4 * 7 + i * 173) % kIds);
  return {ids.begin(), ids.end()};
}

// Takes a step, on the rows that this rank owns.
void TakeStep(RunState& state, int64_t step) {
  at::Tensor& dense = state.parameters.dense;
  state.optimizer.Step(dense, at::arange(1, dense.numel() + 1, at::kFloat), 1.0);
  const std::vector<std::vector<int64_t>> wanted = {{step % 40, step * 7 % 40}, IdsOfStep(step)};
  for (size_t t = 0; t < wanted.size(); ++t) {
    EmbeddingTable& table = state.parameters.tables[t];
    std::set<int64_t> ids(wanted[t].begin(), wanted[t].end());
    std::erase_if(ids, [&](int64_t id) {
      return !table.directory().buckets().Contains(RowPartition::BucketOf(id));
    });
    const std::vector<int64_t> own(ids.begin(), ids.end());
    table.AdmitIds(own, step);
    std::vector<float> gradient;
    for (const int64_t id : own) {
      for (int64_t d = 0; d < table.dim(); ++d) {
        gradient.push_back(0.01f * static_cast<float>(id % 17 + d + step));
      }
    }
    const at::Tensor values =
        at::tensor(at::ArrayRef<float>(gradient), at::kFloat).view({-1, table.dim()});
    table.Apply(own, values, 0.1, 0.0);
  }
  state.counters.step = step + 1;
  state.counters.tasks_seen = 10 * (step + 1);
}

RunState SteppedState(int64_t steps, RankPlace place = {0, 1}) {
  RunState state = MakeState(place);
  for (int64_t step = 0; step < steps; ++step) TakeStep(state, step);
  return state;
}

void Commit(const std::string& run_dir, std::vector<NamedArray> arrays, const TrainState& counters,
            Communicator& communicator) {
  CheckpointManifest manifest;
  manifest.run_id = "run";
  manifest.step = counters.step;
  manifest.world_size = communicator.world_size();
  manifest.scalars = ToJson(counters);
  CheckpointSaver::Options options;
  options.run_dir = run_dir;
  CheckpointSaver saver(options, communicator);
  saver.Begin(CheckpointSaver::Kind::kWhole, manifest, std::move(arrays), {});
  EXPECT_FALSE(saver.Finish().failure.has_value());
}

// Takes steps on `world_size` ranks, saves, and returns the path of the checkpoint.
std::string SaveOnRanks(int world_size, int64_t steps, const std::string& folder) {
  const std::string run_dir = FreshFolder(folder);
  RunOnThreads(world_size, [&](Communicator& communicator) {
    const RankPlace place{communicator.rank(), world_size};
    RunState state = SteppedState(steps, place);
    SavedArrays saved = ArraysToSave(state, Layout(), place, SaveScope::kWhole);
    Commit(run_dir, saved.arrays, state.counters, communicator);
  });
  return CheckpointPath(run_dir, steps);
}

std::vector<std::string> NamesOf(const SavedArrays& saved) {
  std::vector<std::string> names;
  for (const NamedArray& array : saved.arrays) names.push_back(array.name);
  return names;
}

const NamedArray& Find(const SavedArrays& saved, const std::string& name) {
  return *std::ranges::find(saved.arrays, name, &NamedArray::name);
}

std::vector<uint32_t> TouchedIn(const SavedArrays& saved, const std::string& name) {
  return Find(saved, name).touched->offsets;
}

TEST(RunState, ArraysHaveTheNamesOfTheFormatInItsOrder) {
  RunState state = MakeState();
  EXPECT_THAT(
      NamesOf(ArraysToSave(state, Layout(), {0, 1}, SaveScope::kWhole)),
      ElementsAre("parameters/0.weight", "parameters/1.bias", "tables/0.genre/rows",
                  "tables/1.item_id/rows", "tables/1.item_id/ids", "tables/1.item_id/last_step",
                  "tables/1.item_id/means", "optimizer/parameters/0.weight/first",
                  "optimizer/parameters/1.bias/first", "optimizer/parameters/0.weight/second",
                  "optimizer/parameters/1.bias/second", "optimizer/tables/0.genre/first",
                  "optimizer/tables/0.genre/second", "optimizer/tables/0.genre/age",
                  "optimizer/tables/1.item_id/first", "optimizer/tables/1.item_id/second",
                  "optimizer/tables/1.item_id/age", "optimizer/tables/1.item_id/waiting/ids",
                  "optimizer/tables/1.item_id/waiting/last_step",
                  "optimizer/tables/1.item_id/waiting/count"));
  RunState adagrad = MakeState({0, 1}, TableOptimizer::kAdagrad);
  EXPECT_THAT(NamesOf(ArraysToSave(adagrad, Layout(), {0, 1}, SaveScope::kWhole)),
              AllOf(::testing::Contains("optimizer/tables/0.genre/second"),
                    ::testing::Not(::testing::Contains("optimizer/tables/0.genre/first"))));
}

TEST(RunState, RanksSaveEveryRowOnceAndDenseArraysOnTheFirst) {
  constexpr int kRanks = 3;
  std::map<std::string, int64_t> rows;
  for (int rank = 0; rank < kRanks; ++rank) {
    const RankPlace place{rank, kRanks};
    RunState state = MakeState(place);
    for (const NamedArray& array : ArraysToSave(state, Layout(), place, SaveScope::kWhole).arrays) {
      EXPECT_TRUE(rank == 0 || array.name.find("parameters/") == std::string::npos);
      EXPECT_EQ(array.rows.begin, rows[array.name]) << array.name << ": right after the others";
      rows[array.name] = array.rows.end;
    }
  }
  EXPECT_EQ(rows["parameters/0.weight"], 3);
  EXPECT_EQ(rows["tables/0.genre/rows"], 40);
  EXPECT_EQ(rows["tables/1.item_id/ids"], 2048);
  EXPECT_EQ(rows["tables/1.item_id/means"], 1024);
  EXPECT_EQ(rows["optimizer/tables/1.item_id/waiting/count"], 2048);
}

TEST(RunState, TablesThatEveryRankHasAreSavedInEqualShares) {
  RunState whole = MakeState();  // as every rank holds it
  for (int rank = 0; rank < 4; ++rank) {
    const SavedArrays saved = ArraysToSave(whole, Layout(), {rank, 4}, SaveScope::kWhole);
    const NamedArray& rows = Find(saved, "tables/0.genre/rows");
    EXPECT_EQ(rows.rows, (RowRange{10 * rank, 10 * rank + 10}));
    const auto* first = static_cast<const float*>(rows.data);
    EXPECT_EQ(first[0], whole.parameters.tables[0].rows()[10 * rank][0].item<float>());
  }
}

TEST(RunState, SavedOnAnyRanksItIsTheSameAndLoadsOnAnyRanks) {
  constexpr int64_t kSteps = 150;
  const std::string alone = SaveOnRanks(1, kSteps, "alone");
  const std::string hash = ContentHash(CheckpointReader(alone));
  for (const int world_size : {2, 3}) {
    const std::string path = SaveOnRanks(world_size, kSteps, "together");
    EXPECT_EQ(ContentHash(CheckpointReader(path)), hash) << world_size << " ranks";
  }
  for (const int world_size : {1, 3}) {
    RunOnThreads(world_size, [&](Communicator& communicator) {
      const RankPlace place{communicator.rank(), world_size};
      RunState expected = SteppedState(kSteps, place), loaded = MakeState(place);
      LoadRunState(CheckpointReader(alone), Layout(), loaded);
      for (int64_t step = kSteps; step < kSteps + 20; ++step) {
        TakeStep(expected, step);
        TakeStep(loaded, step);
      }
      const SavedArrays a = ArraysToSave(expected, Layout(), place, SaveScope::kWhole);
      const SavedArrays b = ArraysToSave(loaded, Layout(), place, SaveScope::kWhole);
      for (size_t i = 0; i < a.memory.size(); ++i) {
        EXPECT_TRUE(at::equal(a.memory[i], b.memory[i])) << a.arrays[i].name;
      }
    });
  }
}

TEST(RunState, LoadTakesTheCountersAndLeavesNoRowChanged) {
  const std::string path = SaveOnRanks(1, 20, "run");
  RunState loaded = SteppedState(3);
  LoadRunState(CheckpointReader(path), Layout(), loaded);
  EXPECT_EQ(loaded.counters.step, 20);
  EXPECT_EQ(loaded.counters.tasks_seen, 200);
  EXPECT_EQ(loaded.optimizer.step_count(), 20);
  const SavedArrays changes = ArraysToSave(loaded, Layout(), {0, 1}, SaveScope::kChanges);
  for (const NamedArray& array : changes.arrays) {
    if (array.touched) {
      EXPECT_THAT(array.touched->offsets, IsEmpty()) << array.name;
    }
  }
}

TEST(RunState, ParametersAloneLoadWithoutTheOptimizer) {
  const std::string path = SaveOnRanks(1, 20, "run");
  RunState saved = SteppedState(20), loaded = MakeState();
  LoadParameters(CheckpointReader(path), Layout(), loaded.parameters);
  EXPECT_TRUE(at::equal(loaded.parameters.dense, saved.parameters.dense));
  std::vector<int64_t> ids = IdsOfStep(19);
  EXPECT_TRUE(
      at::equal(loaded.parameters.tables[1].Gather(ids), saved.parameters.tables[1].Gather(ids)));
  EXPECT_EQ(loaded.optimizer.first_moment().abs().sum().item<float>(), 0.0f);
  EXPECT_EQ(loaded.parameters.tables[0].optimizer().age().sum().item<float>(), 0.0f);
}

TEST(RunState, ChangesAreTheRowsThatChangedAndAllOfTheRest) {
  RunState state = SteppedState(20);
  for (EmbeddingTable& table : state.parameters.tables) table.ForgetChanges();
  state.parameters.tables[0].Apply({7, 33}, at::full({2, 3}, 1.0, at::kFloat), 0.1, 0.0);
  state.parameters.tables[1].AdmitIds(std::vector<int64_t>{5000}, 20);  // waits
  const SavedArrays changes = ArraysToSave(state, Layout(), {0, 1}, SaveScope::kChanges);
  for (const std::string name :
       {"tables/0.genre/rows", "optimizer/tables/0.genre/first", "optimizer/tables/0.genre/second",
        "optimizer/tables/0.genre/age"}) {
    EXPECT_THAT(TouchedIn(changes, name), ElementsAre(7, 33)) << name;
    EXPECT_EQ(Find(changes, name).touched->name, "0.genre/rows");
  }
  const auto* rows = static_cast<const float*>(Find(changes, "tables/0.genre/rows").data);
  EXPECT_EQ(rows[3], state.parameters.tables[0].rows()[33][0].item<float>());
  EXPECT_THAT(TouchedIn(changes, "tables/1.item_id/ids"), IsEmpty());
  for (const std::string name : {"ids", "last_step", "count"}) {
    const std::string array = "optimizer/tables/1.item_id/waiting/" + name;
    EXPECT_THAT(TouchedIn(changes, array), ::testing::SizeIs(1)) << name;
    EXPECT_EQ(Find(changes, array).touched->name, "1.item_id/waiting");
  }
  for (const std::string name : {"parameters/0.weight", "tables/1.item_id/means"}) {
    EXPECT_EQ(Find(changes, name).touched, nullptr) << name;
  }
}

TEST(RunState, CountsTheBytesThatASaveHas) {
  for (const int world_size : {1, 3}) {
    for (int rank = 0; rank < world_size; ++rank) {
      const RankPlace place{rank, world_size};
      RunState state = SteppedState(20, place);
      for (EmbeddingTable& table : state.parameters.tables) table.ForgetChanges();
      TakeStep(state, 20);
      const SaveBytes bytes = BytesToSave(state, Layout(), place);
      int64_t whole = 0, changes = 0;
      for (const auto& array : ArraysToSave(state, Layout(), place, SaveScope::kWhole).arrays) {
        whole += array.size_bytes();
      }
      std::set<std::string> lists;
      for (const auto& array : ArraysToSave(state, Layout(), place, SaveScope::kChanges).arrays) {
        changes += array.size_bytes();
        if (!array.touched || !lists.insert(array.touched->name).second) continue;
        changes += 4 * std::ssize(array.touched->offsets);
      }
      EXPECT_EQ(bytes.whole, whole);
      EXPECT_EQ(bytes.changes, changes);
      EXPECT_LT(changes, whole);
    }
  }
}

std::string ErrorOfLoading(const std::string& path, RunState state) {
  try {
    LoadRunState(CheckpointReader(path), Layout(), state);
  } catch (const DataError& error) {
    return error.what();
  }
  return "loaded";
}

TEST(RunState, CheckpointOfAnotherModelIsRefusedByArrayAndShapes) {
  const std::string path = SaveOnRanks(1, 2, "run");
  EXPECT_EQ(ErrorOfLoading(path, MakeState()), "loaded");
  EXPECT_THAT(
      ErrorOfLoading(path, MakeState({0, 1}, TableOptimizer::kAdam, /*dim=*/5)),
      AllOf(HasSubstr("array 'tables/0.genre/rows'"), HasSubstr("[40, 3]"), HasSubstr("[40, 5]")));
}

TEST(RunState, IdsThatNoTableCanHoldAreRefusedByArray) {
  for (const std::string name :
       {"tables/1.item_id/ids", "optimizer/tables/1.item_id/waiting/ids"}) {
    const std::string run_dir = FreshFolder("run");
    RunOnThreads(1, [&](Communicator& communicator) {
      RunState state = SteppedState(20);
      SavedArrays saved = ArraysToSave(state, Layout(), {0, 1}, SaveScope::kWhole);
      std::vector<int64_t> ids(2048, -1);
      ids[0] = 1;  // of another bucket
      std::ranges::find(saved.arrays, name, &NamedArray::name)->data = ids.data();
      Commit(run_dir, saved.arrays, state.counters, communicator);
    });
    EXPECT_THAT(ErrorOfLoading(CheckpointPath(run_dir, 20), MakeState()),
                AllOf(HasSubstr("array '" + name + "'"), HasSubstr("row 0: id 1 stands twice or")));
  }
}

}  // namespace
}  // namespace hearth

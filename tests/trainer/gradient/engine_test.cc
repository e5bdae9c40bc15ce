#include "trainer/gradient/engine.h"

#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/trainer/support/small_world.h"
#include "trainer/gradient/engine_choice.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Four tasks 70, 71, 72, 73 of 1, 3, 0 and 2 support rows with two negatives each, and query rows
// without times.
Chunk NumberedChunk() {
  Chunk chunk;
  chunk.number = 17;
  chunk.task_ids = {70, 71, 72, 73};
  chunk.negatives_per_row = 2;
  chunk.hide_item_ids = true;
  chunk.support = {.offsets = {0, 1, 4, 4, 6},
                   .items = {10, 20, 21, 22, 40, 41},
                   .labels = {1.0f, 2.0f, 2.1f, 2.2f, 4.0f, 4.1f},
                   .times = {100, 200, 201, 202, 400, 401},
                   .negatives = {-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12}};
  chunk.query = {.offsets = {0, 1, 2, 3, 4},
                 .items = {11, 23, 30, 42},
                 .labels = {5.0f, 6.0f, 7.0f, 8.0f},
                 .times = {},
                 .negatives = {1, 2, 3, 4, 5, 6, 7, 8}};
  return chunk;
}

TEST(SelectTasks, CopiesTheRowsOfTheKeptTasks) {
  const Chunk kept = SelectTasks(NumberedChunk(), {1, 2, 3});
  EXPECT_EQ(kept.number, 17);
  EXPECT_EQ(kept.negatives_per_row, 2);
  EXPECT_TRUE(kept.hide_item_ids);
  EXPECT_THAT(kept.task_ids, ElementsAre(71, 72, 73));
  EXPECT_THAT(kept.support.offsets, ElementsAre(0, 3, 3, 5));
  EXPECT_THAT(kept.support.items, ElementsAre(20, 21, 22, 40, 41));
  EXPECT_THAT(kept.support.labels, ElementsAre(2.0f, 2.1f, 2.2f, 4.0f, 4.1f));
  EXPECT_THAT(kept.support.times, ElementsAre(200, 201, 202, 400, 401));
  EXPECT_THAT(kept.support.negatives, ElementsAre(-3, -4, -5, -6, -7, -8, -9, -10, -11, -12));
  EXPECT_THAT(kept.query.offsets, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(kept.query.items, ElementsAre(23, 30, 42));
  EXPECT_THAT(kept.query.times, IsEmpty());
  EXPECT_THAT(kept.query.negatives, ElementsAre(3, 4, 5, 6, 7, 8));
}

TEST(SelectTasks, OfNoTaskIsAnEmptyChunk) {
  const Chunk kept = SelectTasks(NumberedChunk(), {});
  EXPECT_EQ(kept.task_count(), 0);
  EXPECT_THAT(kept.support.offsets, ElementsAre(0));
  EXPECT_THAT(kept.query.items, IsEmpty());
}

TEST(ToRowGradients, TakesTheLastOnesAndZerosWhereTheLossDoesNotReach) {
  const at::TensorOptions real = at::TensorOptions().dtype(at::kDouble);
  const std::vector<at::Tensor> rows = {at::zeros({3, 2}, real), at::zeros({2, 2}, real)};
  const at::Tensor dense = FromDoubles({9.0, 9.0}, {2}, real);
  const at::Tensor wide = FromDoubles({1.0, 2.0, 3.0, 4.0}, {2, 2}, real).t();
  const std::vector<at::Tensor> gradients = ToRowGradients({dense, dense, {}, wide}, rows);
  ASSERT_EQ(gradients.size(), 2u);
  EXPECT_THAT(ToDoubles(gradients[0]), ElementsAre(0, 0, 0, 0, 0, 0));
  EXPECT_EQ(gradients[0].sizes(), (std::vector<int64_t>{3, 2}));
  EXPECT_TRUE(gradients[1].is_contiguous());
  EXPECT_THAT(ToDoubles(gradients[1]), ElementsAre(1, 3, 2, 4));
}

// The loss and the gradients of a task by itself; a chunk has the sums.
struct Task {
  double loss, dense, row;
};

// Computes sums over the tasks, and counts its calls.
struct Sums {
  std::map<int64_t, Task> tasks;
  mutable int calls = 0;

  ChunkResult operator()(const Chunk& chunk) const {
    ++calls;
    ChunkResult result;
    double dense = 0.0, row = 0.0;
    for (const int64_t id : chunk.task_ids) {
      const Task& task = tasks.at(id);
      dense += task.dense;
      row += task.row;
      result.query_loss.push_back(task.loss);
    }
    result.dense_gradient = FromDoubles({dense, 1.0}, {2}, at::kDouble);
    result.row_gradients = {at::zeros({0, 3}, at::kDouble),
                            FromDoubles({row}, {1, 1}, at::kDouble)};
    return result;
  }
};

std::vector<double> ZeroForNaN(std::vector<double> values) {
  for (double& value : values) value = std::isnan(value) ? 0.0 : value;
  return values;
}

TEST(ComputeFiniteTasks, RunsOnceWhenAllIsFinite) {
  const Sums sums{{{70, {1, 10, 100}}, {71, {2, 20, 200}}, {72, {3, 30, 300}}, {73, {4, 40, 400}}}};
  const ChunkResult result = ComputeFiniteTasks(NumberedChunk(), std::cref(sums));
  EXPECT_EQ(sums.calls, 1);
  EXPECT_THAT(result.query_loss, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(result.loss_sum, 10.0);
  EXPECT_EQ(result.finite_task_count, 4);
  EXPECT_THAT(ToDoubles(result.dense_gradient), ElementsAre(100, 1));
}

TEST(ComputeFiniteTasks, LeavesOutALossADenseOrARowGradientThatIsNotFinite) {
  const Task bad[] = {{kNaN, 1, 1}, {-kInfinity, 1, 1}, {1, kInfinity, 1}, {1, 1, kNaN}};
  for (const Task& second : bad) {
    const Sums sums{{{70, {1, 10, 100}}, {71, second}, {72, {3, 30, 300}}, {73, {4, 40, 400}}}};
    const ChunkResult result = ComputeFiniteTasks(NumberedChunk(), std::cref(sums));
    ASSERT_EQ(result.query_loss.size(), 4u);
    EXPECT_TRUE(std::isnan(result.query_loss[1]));
    EXPECT_THAT(ZeroForNaN(result.query_loss), ElementsAre(1, 0, 3, 4));
    EXPECT_EQ(result.loss_sum, 8.0);
    EXPECT_EQ(result.finite_task_count, 3);
    EXPECT_THAT(ToDoubles(result.dense_gradient), ElementsAre(80, 1));
    EXPECT_THAT(ToDoubles(result.row_gradients[1]), ElementsAre(800));
  }
}

// Infinities of two tasks cancel to a NaN; both are left out, wherever they stand.
TEST(ComputeFiniteTasks, LeavesOutTheFirstAndTheLastTask) {
  const Sums sums{
      {{70, {1, kInfinity, 1}}, {71, {2, 20, 200}}, {72, {3, 30, 300}}, {73, {4, -kInfinity, 1}}}};
  const ChunkResult result = ComputeFiniteTasks(NumberedChunk(), std::cref(sums));
  EXPECT_THAT(ZeroForNaN(result.query_loss), ElementsAre(0, 2, 3, 0));
  EXPECT_THAT(ToDoubles(result.dense_gradient), ElementsAre(50, 1));
  EXPECT_EQ(result.finite_task_count, 2);
}

TEST(ComputeFiniteTasks, WithoutAFiniteTaskKeepsTheShapesAndGivesZeros) {
  const Task bad{1, kNaN, kInfinity};
  const Sums sums{{{70, bad}, {71, bad}, {72, bad}, {73, bad}}};
  const ChunkResult result = ComputeFiniteTasks(NumberedChunk(), std::cref(sums));
  EXPECT_EQ(result.finite_task_count, 0);
  EXPECT_EQ(result.loss_sum, 0.0);
  EXPECT_THAT(result.query_loss, ::testing::Each(::testing::IsNan()));
  EXPECT_THAT(ToDoubles(result.dense_gradient), ElementsAre(0, 0));
  EXPECT_THAT(ToDoubles(result.row_gradients[1]), ElementsAre(0));
}

TEST(ChooseEngine, NamesTheEngineAndTheReason) {
  LearnerOptions options;
  options.model.dim = 4;
  options.model.layers = {6, 5};
  options.model.activation = ModelOptions::Activation::kTanh;
  const auto choose = [&](EngineKind kind) {
    const SmallWorld world(options, at::kFloat);
    const ChosenEngine chosen = ChooseEngine(kind, world.context(), at::kCPU);
    return chosen.engine->name() + ": " + chosen.reason;
  };
  // One field of users and four of items, each of width 4.
  EXPECT_EQ(choose(EngineKind::kAuto), "fused: fused (20-6-5-1 tanh)");
  EXPECT_EQ(choose(EngineKind::kFused), "fused: fused (20-6-5-1 tanh)");
  EXPECT_EQ(choose(EngineKind::kGeneric), "generic: generic (asked for)");
  options.meta.method = MetaOptions::Method::kAnil;
  options.model.activation = ModelOptions::Activation::kGelu;
  EXPECT_EQ(choose(EngineKind::kAuto), "fused: fused (5-1 gelu)");
  options.meta.loss = MetaOptions::Loss::kBpr;
  EXPECT_EQ(choose(EngineKind::kAuto), "generic: generic (the loss bpr compares pairs of rows)");
}

}  // namespace
}  // namespace hearth

#include "trainer/loop/outer_loop.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "tests/trainer/support/small_world.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kDim = 2, kRows = RowPartition::kBuckets;

// The result of a chunk in the plan of a step: the sum over its finite tasks.
struct PlannedChunk {
  std::vector<double> dense;                    // [3] gradient of the parameter "w"
  std::map<int64_t, std::vector<double>> rows;  // [id] gradient of a table row
  int64_t finite_tasks = 2;
  int64_t skipped_tasks = 0;
  double loss_sum = 0.0;
};
using Plan = std::vector<PlannedChunk>;  // [chunk over all ranks]

// An engine that answers by plan.
class PlannedEngine : public Engine {
 public:
  PlannedEngine(const Plan& plan, at::ScalarType type) : plan_(plan), type_(type) {}

  std::string name() const override { return "planned"; }
  ChunkResult Compute(const Chunk& chunk, const MetaParameters& parameters,
                      const FetchedRows&) const override {
    const PlannedChunk& planned = plan_[chunk.number];
    ChunkResult result;
    result.dense_gradient = at::zeros({parameters.dense.numel()}, type_);
    result.dense_gradient.narrow(0, 0, 3).copy_(FromDoubles(planned.dense, {3}, type_));
    std::vector<int64_t> ids;
    std::vector<double> values;
    for (const auto& [id, row] : planned.rows) {
      ids.push_back(id);
      values.insert(values.end(), row.begin(), row.end());
    }
    result.table_rows = {ids};
    result.row_gradients = {FromDoubles(values, {std::ssize(ids), kDim}, type_)};
    result.finite_task_count = planned.finite_tasks;
    result.loss_sum = planned.loss_sum;
    return result;
  }

 private:
  const Plan& plan_;
  at::ScalarType type_;
};

// The engine answers for all tasks at once, so the builder of any world will do.
const BatchBuilder& AnyBuilder() {
  static const SmallWorld* const world = new SmallWorld({}, at::kFloat);
  return world->builder();
}

// A rank with the parameter "w", 1 in the beginning, and one table of zeros.
struct LoopRank {
  LoopRank(const Plan& steps_of, const OuterLoop::Options& options, Communicator& world,
           at::ScalarType type = at::kDouble, int thread_count = 1)
      : plan(steps_of), communicator(world), engine(plan, type), threads(thread_count) {
    layout.Add({.name = "w", .shape = {3}});
    parameters.dense = at::full({layout.size()}, 1.0, type);
    parameters.tables.emplace_back(TableSpec{.name = "t", .row_count = kRows, .dim = kDim},
                                   options.optimizer.table_type, 1, type);
    optimizer.emplace(options.optimizer, layout, type);
    loop.emplace(options, engine, AnyBuilder(), parameters, *optimizer, communicator, threads);
  }

  // Takes a step; chunk c belongs to rank c modulo the number of ranks.
  StepResult Step(int64_t step, const StepRequests& requests = {}) {
    MetaBatch batch;
    batch.step = step;
    batch.global_chunk_count = std::ssize(plan);
    for (int64_t c = 0; c < std::ssize(plan); ++c) {
      const int64_t tasks = plan[c].finite_tasks + plan[c].skipped_tasks;
      batch.global_task_count += tasks;
      if (c % communicator.world_size() != communicator.rank()) continue;
      Chunk chunk;
      chunk.number = c;
      chunk.task_ids.assign(tasks, 0);
      batch.chunks.push_back(chunk);
    }
    return loop->Step(
        batch, [] { return nullptr; }, requests);
  }
  std::vector<double> w() const { return ToDoubles(parameters.dense.narrow(0, 0, 3)); }
  std::vector<double> row(int64_t id) const { return ToDoubles(parameters.tables[0].rows()[id]); }

  const Plan& plan;
  Communicator& communicator;
  PlannedEngine engine;
  WorkerThreads threads;
  ParameterLayout layout;
  MetaParameters parameters;
  std::optional<DenseOptimizer> optimizer;
  std::optional<OuterLoop> loop;
};

OuterLoop::Options Options(double clip_norm = 0.0) {
  OuterLoop::Options options;
  options.optimizer = {.type = OptimizerOptions::Type::kSgd,
                       .lr = 0.5,
                       .clip_norm = clip_norm,
                       .table_type = TableOptimizer::kAdagrad,
                       .table_lr = 0.25};
  options.max_steps = 100;
  return options;
}

// Ten tasks in four chunks, one of them without a finite task. Row 3 is in several chunks. The sums
// are w: (4, 8, -4), row 3: (8, 6), row 1023: (0, 12).
Plan TenTasks() {
  return {{.dense = {1, 2, 0}, .rows = {{3, {5, 5}}}, .finite_tasks = 3, .loss_sum = 7},
          {.dense = {3, 0, -4},
           .rows = {{3, {4, 1}}, {1023, {0, 12}}},
           .finite_tasks = 1,
           .skipped_tasks = 1,
           .loss_sum = 2},
          {.dense = {0, 0, 0}, .rows = {{0, {0, 0}}}, .finite_tasks = 0, .skipped_tasks = 1},
          {.dense = {0, 6, 0}, .rows = {{3, {-1, 0}}}, .finite_tasks = 4, .loss_sum = 3}};
}
constexpr double kTasks = 8, kLoss = 12.0 / 8;

// The step of SGD by the sums of TenTasks, and the first step of Adagrad.
void ExpectTenTasksTaken(const LoopRank& rank, double scale, double rate_factor) {
  const std::array<double, 3> sums = {4, 8, -4};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(rank.w()[i], 1.0 - 0.5 * rate_factor * scale * sums[i], 1e-12) << i;
  }
  const double rms3 = scale * std::sqrt((64.0 + 36.0) / 2), rms1023 = scale * std::sqrt(144.0 / 2);
  const double rate = 0.25 * rate_factor;
  EXPECT_NEAR(rank.row(3)[0], -rate * scale * 8 / (rms3 + 1e-8), 1e-12);
  EXPECT_NEAR(rank.row(3)[1], -rate * scale * 6 / (rms3 + 1e-8), 1e-12);
  EXPECT_NEAR(rank.row(1023)[0], 0.0, 1e-12);
  EXPECT_NEAR(rank.row(1023)[1], -rate * scale * 12 / (rms1023 + 1e-8), 1e-12);
  EXPECT_THAT(rank.row(0), Each(0.0)) << "a row of a chunk without a finite task";
  EXPECT_THAT(rank.row(4), Each(0.0));
  at::Tensor second =
      const_cast<EmbeddingTable&>(rank.parameters.tables[0]).optimizer().second_moment();
  EXPECT_NEAR(second[3].item<double>(), rms3 * rms3, 1e-9);
  EXPECT_NEAR(second[1023].item<double>(), rms1023 * rms1023, 1e-9);
}

TEST(OuterLoop, StepsByTheMeanOverTheFiniteTasksOfAllRanks) {
  const Plan plan = TenTasks();
  for (const ReduceMode mode : {ReduceMode::kExact, ReduceMode::kFast}) {
    for (const int world_size : {1, 2, 3, 6}) {  // with 6, two ranks have no chunk
      RunOnThreads(world_size, [&](Communicator& world) {
        OuterLoop::Options options = Options();
        options.reduce = mode;
        LoopRank rank(plan, options, world);
        const StepResult result = rank.Step(0);
        EXPECT_THAT(result.skip_reason, IsEmpty());
        EXPECT_EQ(result.task_count, 8);
        EXPECT_EQ(result.skipped_task_count, 2);
        EXPECT_NEAR(result.loss, kLoss, 1e-12);
        EXPECT_NEAR(result.gradient_norm, std::sqrt(340.0) / kTasks, 1e-12);
        EXPECT_EQ(result.rate_factor, 1.0);
        ExpectTenTasksTaken(rank, 1.0 / kTasks, 1.0);
      });
    }
  }
}

TEST(OuterLoop, ClipsTheWholeGradientTableRowsIncluded) {
  const Plan plan = TenTasks();
  const double norm = std::sqrt(340.0) / kTasks;
  for (const auto& [limit, clip] : std::vector<std::pair<double, double>>{
           {0.0, 1.0}, {1.001 * norm, 1.0}, {norm / 2, 0.5}, {0.01 * norm, 0.01}}) {
    SCOPED_TRACE(limit);
    RunOnThreads(2, [&, limit = limit, clip = clip](Communicator& world) {
      LoopRank rank(plan, Options(limit), world);
      EXPECT_NEAR(rank.Step(0).gradient_norm, norm, 1e-12) << "before clipping";
      ExpectTenTasksTaken(rank, clip / kTasks, 1.0);
    });
  }
}

TEST(OuterLoop, ScheduleReachesDenseParametersAndTablesByTheNumberOfTheStep) {
  const Plan plan = TenTasks();
  SelfCommunicator self;
  OuterLoop::Options options = Options();
  options.optimizer.warmup_steps = 8;
  options.optimizer.schedule = OptimizerOptions::Schedule::kLinear;
  options.max_steps = 28;
  for (const auto& [step, factor] :
       std::vector<std::pair<int64_t, double>>{{0, 0.125}, {5, 0.75}, {8, 1.0}, {23, 0.25}}) {
    LoopRank rank(plan, options, self);
    EXPECT_NEAR(rank.Step(step).rate_factor, factor, 1e-12);
    ExpectTenTasksTaken(rank, 1.0 / kTasks, factor);
  }
}

TEST(OuterLoop, RowsArePulledToZeroByTheirOwnValue) {
  Plan plan = TenTasks();
  SelfCommunicator self;
  OuterLoop::Options options = Options();
  options.optimizer.table_l2 = 0.5;
  LoopRank rank(plan, options, self);
  rank.parameters.tables[0].rows().fill_(4.0);
  rank.Step(0);
  // Row 3: gradient (8, 6) / 8 + 0.5 * 4.
  const double a = 3.0, b = 2.75, rms = std::sqrt((a * a + b * b) / 2);
  EXPECT_NEAR(rank.row(3)[0], 4.0 - 0.25 * a / rms, 1e-7);
  EXPECT_NEAR(rank.row(3)[1], 4.0 - 0.25 * b / rms, 1e-7);
  EXPECT_THAT(rank.row(4), Each(4.0)) << "no chunk has it";
}

// Random gradients [chunk]; sums in float depend on their order.
Plan RandomPlan(int64_t chunk_count) {
  Plan plan;
  for (int64_t c = 0; c < chunk_count; ++c) {
    RandomStream random(3, Purpose::kTest, c);
    PlannedChunk chunk;
    for (int i = 0; i < 3; ++i) chunk.dense.push_back(random.NextNormal());
    for (const int64_t id : SampleWithoutReplacement(20, 8, random)) {
      chunk.rows[id] = {random.NextNormal(), 1e-3 * random.NextNormal()};
    }
    chunk.loss_sum = random.NextDouble();
    plan.push_back(chunk);
  }
  return plan;
}

TEST(OuterLoop, ThreadsAndRanksDoNotChangeTheBits) {
  const Plan plan = RandomPlan(13);
  SelfCommunicator self;
  for (const ReduceMode mode : {ReduceMode::kExact, ReduceMode::kFast}) {
    OuterLoop::Options options = Options(/*clip_norm=*/0.05);
    options.reduce = mode;
    options.optimizer.type = OptimizerOptions::Type::kAdam;
    LoopRank alone(plan, options, self, at::kFloat);
    std::vector<StepResult> expected;
    for (int64_t step = 0; step < 4; ++step) expected.push_back(alone.Step(step));
    const auto expect_equal = [&](Communicator& world, int thread_count) {
      LoopRank rank(plan, options, world, at::kFloat, thread_count);
      for (int64_t step = 0; step < 4; ++step) {
        const StepResult result = rank.Step(step);
        EXPECT_EQ(result.loss, expected[step].loss);
        EXPECT_EQ(result.gradient_norm, expected[step].gradient_norm);
      }
      EXPECT_TRUE(rank.parameters.dense.equal(alone.parameters.dense));
      EXPECT_TRUE(rank.parameters.tables[0].rows().equal(alone.parameters.tables[0].rows()));
    };
    expect_equal(self, 4);
    if (mode == ReduceMode::kFast) continue;  // its sums depend on the ranks
    for (const int world_size : {2, 5}) {
      RunOnThreads(world_size, [&](Communicator& world) { expect_equal(world, 2); });
    }
  }
}

// Expects that no step was taken, and that the next step is the first one.
void ExpectNothingTaken(LoopRank& rank, const StepResult& result) {
  EXPECT_THAT(rank.w(), Each(1.0));
  EXPECT_THAT(ToDoubles(rank.parameters.tables[0].rows()), Each(0.0));
  EXPECT_THAT(ToDoubles(rank.parameters.tables[0].optimizer().age()), Each(0.0));
  EXPECT_EQ(rank.optimizer->step_count(), 0);
  EXPECT_EQ(result.rate_factor, 0.0);
}

TEST(OuterLoop, StepWithoutAFiniteTaskIsNotTakenAndRequestsStillArrive) {
  Plan plan = TenTasks();
  for (PlannedChunk& chunk : plan) {
    chunk = {.dense = {0, 0, 0}, .rows = {{3, {0, 0}}}, .finite_tasks = 0, .skipped_tasks = 3};
  }
  RunOnThreads(3, [&](Communicator& world) {
    LoopRank rank(plan, Options(), world);
    const bool asks = world.rank() == 2;
    const StepResult result = rank.Step(41, {.stop = asks, .save = false, .still_saving = asks});
    EXPECT_THAT(result.skip_reason, AllOf(HasSubstr("outer step 41"), HasSubstr("its 12 tasks")));
    EXPECT_EQ(result.task_count, 0);
    EXPECT_EQ(result.skipped_task_count, 12);
    EXPECT_TRUE(result.requests.stop);
    EXPECT_FALSE(result.requests.save);
    EXPECT_TRUE(result.requests.still_saving);
    ExpectNothingTaken(rank, result);
  });
}

TEST(OuterLoop, ChunkWithANumberThatIsNotFiniteStopsTheStepOfAllRanks) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    for (const bool in_table : {false, true}) {
      SCOPED_TRACE(in_table);
      Plan plan = TenTasks();
      (in_table ? plan[1].rows[1023][1] : plan[1].dense[2]) = bad;
      RunOnThreads(2, [&](Communicator& world) {
        LoopRank rank(plan, Options(), world);
        const StepResult result = rank.Step(6, {.stop = false, .save = world.is_root()});
        EXPECT_THAT(result.skip_reason, HasSubstr("outer step 6: "));
        EXPECT_EQ(result.task_count, 0);
        EXPECT_EQ(result.skipped_task_count, 10) << "all tasks of the step";
        EXPECT_TRUE(std::isnan(result.loss));
        EXPECT_TRUE(result.requests.save);
        ExpectNothingTaken(rank, result);
      });
    }
  }
}

TEST(OuterLoop, SumBeyondTheRangeOfItsTypeIsNotTaken) {
  Plan plan = TenTasks();
  plan[0].dense[1] = plan[1].dense[1] = 3e38;  // each is a float, the sum is none
  RunOnThreads(2, [&](Communicator& world) {
    for (const ReduceMode mode : {ReduceMode::kExact, ReduceMode::kFast}) {
      OuterLoop::Options options = Options();
      options.reduce = mode;
      LoopRank rank(plan, options, world, at::kFloat);
      const StepResult result = rank.Step(6);
      EXPECT_THAT(result.skip_reason, AllOf(HasSubstr("outer step 6"), HasSubstr("its 8 tasks"),
                                            HasSubstr("32-bit"), HasSubstr("float64")));
      ExpectNothingTaken(rank, result);
      LoopRank wide(plan, options, world, at::kDouble);
      EXPECT_THAT(wide.Step(6).skip_reason, IsEmpty());
    }
  });
}

// A meta-batch of one chunk of a SmallWorld.
MetaBatch WorldBatch(int64_t step, uint64_t seed) {
  MetaBatch batch;
  batch.step = step;
  batch.chunks = {SmallWorld::MakeChunk(5, false, 0, seed)};
  batch.global_task_count = 10;
  batch.global_chunk_count = 2;
  return batch;
}

TEST(OuterLoop, RowsAskedForAheadServeTheStepTheyWereAskedFor) {
  std::map<bool, std::vector<std::vector<double>>> losses;
  std::mutex mutex;
  for (const bool is_sharded : {false, true}) {
    RunOnThreads(2, [&](Communicator& world) {
      const SmallWorld small({}, at::kDouble);
      const GenericEngine engine = small.generic();
      const TablePlacement placement = {world.rank(), 2, is_sharded ? 0 : int64_t{1} << 40};
      MetaParameters parameters =
          small.learner().InitialParameters(TableOptimizer::kAdam, 11, {}, placement);
      DenseOptimizer optimizer({}, small.learner().layout(), at::kDouble);
      WorkerThreads threads(1);
      OuterLoop loop({}, engine, small.builder(), parameters, optimizer, world, threads);
      std::vector<double> own;
      const uint64_t base = 10 * world.rank();
      int asked = 0;
      // After step 1 the run goes on with another batch than the one that was announced.
      for (const int64_t step : {0, 1, 5, 6}) {
        const MetaBatch batch = WorldBatch(step, base + step);
        const MetaBatch next = WorldBatch(step + 1, base + step + 1);
        const StepResult result = loop.Step(batch, [&]() -> const MetaBatch* {
          ++asked;
          return step == 5 ? nullptr : &next;
        });
        own.push_back(result.loss);
      }
      EXPECT_EQ(asked, is_sharded ? 4 : 0) << "once in each step, if rows are fetched";
      const std::lock_guard lock(mutex);
      losses[is_sharded].push_back(own);
    });
  }
  ASSERT_EQ(losses[false].size(), 2);
  EXPECT_THAT(losses[true], Each(losses[false][0]));
  EXPECT_THAT(losses[false], Each(losses[false][0]));
}

}  // namespace
}  // namespace hearth

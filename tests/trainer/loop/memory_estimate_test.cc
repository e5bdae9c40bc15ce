#include "trainer/loop/memory_estimate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "sampler/meta_batch_loader.h"
#include "tests/trainer/support/training.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/loop/tensor_setup.h"
#include "trainer/tensor/memory_meter.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class MemoryEstimateTest : public ::testing::Test {
 protected:
  MemoryEstimateTest() : dataset_({.path = DatasetOfManyItems()}) {}

  static TrainerOptions Options() { return SmallRunOfManyItems("", 10); }

  MemoryEstimate Estimate(const TrainerOptions& options, int world_size = 1, int threads = 1) {
    const LearnerOfDataset on_data(dataset_, options, TensorOptionsFor(options.train, 0));
    return EstimateMemory(options, dataset_, on_data.learner, on_data.data, world_size, threads);
  }

  // Bytes of the rows of all tables and of their optimizer state on one rank, as allocated, and of
  // the directories of the tables.
  int64_t TableBytes(const TrainerOptions& options, RankPlace place) {
    const LearnerOfDataset on_data(dataset_, options, TensorOptionsFor(options.train, 0));
    RunState state = InitialState(options, on_data.learner, place);
    int64_t bytes = 0;
    for (size_t t = 0; t < state.parameters.tables.size(); ++t) {
      EmbeddingTable& table = state.parameters.tables[t];
      bytes += RowDirectory::BytesFor(on_data.learner.tables()[t], options.tables, table.shape(),
                                      place.rank);
      StateList list;
      table.ListModel(list);
      table.ListOptimizer(list);
      for (const StateArray& array : list) {
        if (!array.values.is_floating_point()) continue;
        bytes += array.values.numel() * array.values.element_size();
      }
    }
    return bytes;
  }
  // Elements of the dense parameters, padding included.
  int64_t DenseElements(const TrainerOptions& options) {
    const LearnerOfDataset on_data(dataset_, options, TensorOptionsFor(options.train, 0));
    return on_data.learner.layout().size();
  }

  Dataset dataset_;
};

TEST_F(MemoryEstimateTest, TablesOnOneRankAreCountedToTheByte) {
  using TableType = OptimizerOptions::TableType;
  for (const auto precision :
       {TrainOptions::Precision::kFloat32, TrainOptions::Precision::kFloat64}) {
    for (const auto type : {TableType::kAdam, TableType::kAdagrad}) {
      for (const int64_t capacity : {0, 1024, 2500}) {
        TrainerOptions options = Options();
        options.train.precision = precision;
        options.optim.table_type = type;
        options.tables.capacity = capacity;
        options.tables.new_rows = TableOptions::NewRows::kMean;
        const int64_t element_bytes = precision == TrainOptions::Precision::kFloat32 ? 4 : 8;
        const int64_t dense = 6 * DenseElements(options) * element_bytes;
        EXPECT_EQ(Estimate(options).parameters_bytes, dense + TableBytes(options, {0, 1}))
            << "capacity " << capacity;
      }
    }
  }
}

TEST_F(MemoryEstimateTest, RankOfManyHasItsShareOfLargeTablesAndAllOfSmallOnes) {
  for (const int64_t capacity : {0, 2048}) {
    for (const int64_t replicate_bytes : {int64_t{0}, int64_t{65536}, int64_t{1} << 40}) {
      TrainerOptions options = Options();
      options.tables.capacity = capacity;
      options.dist.replicate_bytes = replicate_bytes;
      const int64_t dense = 6 * DenseElements(options) * 4;
      for (const int world_size : {2, 3, 4}) {
        SCOPED_TRACE(world_size);
        // Buckets do not divide evenly: a rank may have some rows more than the mean.
        int64_t most = 0;
        for (int rank = 0; rank < world_size; ++rank) {
          most = std::max(most, TableBytes(options, {rank, world_size}));
        }
        EXPECT_EQ(Estimate(options, world_size).parameters_bytes, dense + most);
      }
    }
  }
}

// The values, the gradient that is applied, and the tensors of the optimizer.
TEST_F(MemoryEstimateTest, DenseOptimizerTakesTheMemoryThatIsCounted) {
  const TrainerOptions options = Options();
  const LearnerOfDataset on_data(dataset_, options, at::kFloat);
  const ParameterLayout& layout = on_data.learner.layout();
  const MemoryMeter meter;
  const DenseOptimizer optimizer(options.optim, layout, at::kFloat);
  EXPECT_EQ(meter.peak_bytes(), DenseOptimizer::BytesFor(layout, 4));
}

// Gradients of the chunks of this rank wait as they are, and once more as 64-bit numbers.
TEST_F(MemoryEstimateTest, SumsGrowWithTheChunksOfTheRankThatHasMost) {
  TrainerOptions options = Options();
  options.tasks.per_step = 28;  // 7 chunks
  const auto sums_of = [&](int world_size) { return Estimate(options, world_size).sums_bytes; };
  const int64_t width = sums_of(7) / (1 * 4 + 8);
  EXPECT_GT(width, DenseElements(options));
  EXPECT_EQ(sums_of(7), width * (1 * 4 + 8));
  EXPECT_EQ(sums_of(1), width * (7 * 4 + 8));
  EXPECT_EQ(sums_of(2), width * (4 * 4 + 8)) << "four chunks and three";
  EXPECT_EQ(sums_of(3), width * (3 * 4 + 8)) << "three, two and two";
  EXPECT_EQ(sums_of(100), width * (1 * 4 + 8));
}

TEST_F(MemoryEstimateTest, ChunksComputedAtTheSameTimeCountOnceEach) {
  TrainerOptions options = Options();  // 4 chunks
  const int64_t one = Estimate(options, 1, 1).chunk_bytes;
  EXPECT_GT(one, 0);
  const auto times = [&](int world_size, int threads) {
    return static_cast<double>(Estimate(options, world_size, threads).chunk_bytes) /
           static_cast<double>(one);
  };
  EXPECT_NEAR(times(1, 3), 3.0, 0.05);
  EXPECT_NEAR(times(1, 64), 4.0, 0.05) << "no more than there are chunks";
  EXPECT_NEAR(times(2, 64), 2.0, 0.05);
  EXPECT_NEAR(times(3, 64), 2.0, 0.05) << "two, one and one";
}

// The estimate of a chunk is measured with eight tasks and scaled up. Here a whole chunk is
// computed.
TEST_F(MemoryEstimateTest, ChunkTakesAboutTheMemoryThatWasScaledUp) {
  for (const EngineKind kind : {EngineKind::kGeneric, EngineKind::kFused}) {
    for (const int64_t chunk : {4, 8, 32}) {
      SCOPED_TRACE(chunk);
      TrainerOptions options = Options();
      options.train.engine = kind;
      options.tasks.per_step = options.tasks.chunk = chunk;
      const LearnerOfDataset on_data(dataset_, options, at::kFloat);
      const int64_t estimate =
          EstimateMemory(options, dataset_, on_data.learner, on_data.data, 1, 1).chunk_bytes;
      const MetaParameters parameters =
          on_data.learner.InitialParameters(TableOptimizer::kAdam, options.seed);
      const ChosenEngine engine =
          ChooseEngine(kind, {on_data.learner, on_data.data.builder()}, at::kCPU);
      MetaBatchLoader loader(dataset_, kTrainPart, options.tasks, options.seed);
      const MemoryMeter meter;
      engine.engine->Compute(loader.Next().chunks.front(), parameters);
      EXPECT_GT(static_cast<double>(estimate), 0.9 * static_cast<double>(meter.peak_bytes()));
      EXPECT_LT(static_cast<double>(estimate), 1.5 * static_cast<double>(meter.peak_bytes()));
    }
  }
}

TEST_F(MemoryEstimateTest, StateLargerThanTheFreeMemoryIsRefusedBeforeItIsMade) {
  TrainerOptions options = Options();
  options.model.dim = int64_t{1} << 36;
  try {
    Estimate(options);
    FAIL() << "took petabytes";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr(" PB, but "), HasSubstr("are free on this machine"),
                                    HasSubstr("model.dim")));
  }
}

TEST(TensorSetup, PrecisionAndDeviceDecideTheTensors) {
  TrainOptions train;
  train.device = TrainOptions::Device::kCpu;
  EXPECT_EQ(TensorOptionsFor(train, 0).dtype(), at::kFloat);
  EXPECT_EQ(DeviceName(TensorOptionsFor(train, 5)), "cpu");
  train.precision = TrainOptions::Precision::kFloat64;
  EXPECT_EQ(TensorOptionsFor(train, 0).dtype(), at::kDouble);
}

TEST(TensorSetup, MissingGpuIsRefusedWhenAskedForAndElseDoneWithout) {
  if (at::hasCUDA()) GTEST_SKIP() << "there is a GPU";
  TrainOptions train;
  EXPECT_EQ(DeviceName(TensorOptionsFor(train, 0)), "cpu");
  train.device = TrainOptions::Device::kCuda;
  try {
    TensorOptionsFor(train, 0);
    FAIL() << "found a GPU";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("train.device=cuda"), HasSubstr("train.device=auto"),
                                    HasSubstr("hearth doctor")));
  }
}

TEST(TensorSetup, ThreadsAreThoseOfTheOptionElseOneOnAGpuElseAShareOfTheCores) {
  TrainOptions train;
  EXPECT_EQ(ThreadCountFor(train, 1, at::Device(at::kCUDA, 0)), 1);
  const int alone = ThreadCountFor(train, 1, at::kCPU);
  EXPECT_GE(alone, 1);
  EXPECT_EQ(ThreadCountFor(train, 0, at::kCPU), alone) << "an unknown number of ranks";
  for (const int ranks : {2, 3, 1000000}) {
    const int count = ThreadCountFor(train, ranks, at::kCPU);
    // Ranks share the cores, unless the launcher gave each its own.
    EXPECT_TRUE(count == alone || count == std::max(1, alone / ranks)) << count;
  }
  train.threads = 5;
  EXPECT_EQ(ThreadCountFor(train, 100, at::kCPU), 5);
  EXPECT_EQ(ThreadCountFor(train, 1, at::Device(at::kCUDA, 0)), 5);
}

}  // namespace
}  // namespace hearth

#include "trainer/loop/memory_estimate.h"

#include <algorithm>
#include <numeric>

#include "common/error.h"
#include "common/machine_memory.h"
#include "common/text.h"
#include "sampler/meta_batch_loader.h"
#include "trainer/optimize/dense_optimizer.h"
#include "trainer/table/embedding_table.h"
#include "trainer/tensor/memory_meter.h"

namespace hearth {
namespace {

constexpr int64_t kMaxRehearsedTasks = 8;

// The bytes of the rank that has most.
int64_t ParametersBytes(const Learner& learner, const TrainerOptions& options,
                        int64_t element_bytes, int world_size) {
  const ParameterLayout& layout = learner.layout();
  // The values, and the gradient that is applied.
  int64_t bytes = 2 * layout.size() * element_bytes;
  bytes += DenseOptimizer::BytesFor(layout, element_bytes);
  int64_t most = 0;
  for (int rank = 0; rank < world_size; ++rank) {
    int64_t of_rank = 0;
    for (const TableSpec& table : learner.tables()) {
      of_rank += EmbeddingTable::BytesFor(table, options.optim.table_type, learner.tensor_options(),
                                          options.tables,
                                          {.rank = rank,
                                           .world_size = world_size,
                                           .replicate_bytes = options.dist.replicate_bytes});
    }
    most = std::max(most, of_rank);
  }
  return bytes + most;
}

void RequireFreeMemory(int64_t bytes) {
  const int64_t available = ReadMachineMemory().available;
  if (bytes <= available) return;
  throw ConfigError(
      "the parameters, tables and optimizer state alone take {}, but {} are free on this machine; "
      "lower model.dim, raise model.min_item_events or use a machine with more memory",
      FormatBytes(bytes), FormatBytes(available));
}

int64_t RowsOf(const Chunk& chunk, int64_t task) {
  return chunk.support.offsets[task + 1] - chunk.support.offsets[task] +
         chunk.query.offsets[task + 1] - chunk.query.offsets[task];
}

// The `count` tasks with the most rows, or all tasks of a smaller chunk. The longest tasks count
// because a chunk is padded to its longest task.
Chunk LongestTasks(const Chunk& chunk, int64_t count) {
  std::vector<int64_t> order(chunk.task_count());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::ranges::greater{},
                           [&](int64_t t) { return RowsOf(chunk, t); });
  order.resize(std::min(count, chunk.task_count()));
  std::ranges::sort(order);
  return SelectTasks(chunk, order);
}

// The memory of a chunk is a fixed amount, some of it kept from chunk to chunk, and an amount for
// every task.
int64_t ChunkBytes(const Engine& engine, const MetaParameters& parameters, const Chunk& chunk,
                   int64_t chunk_tasks) {
  const int64_t many = std::min(chunk.task_count(), kMaxRehearsedTasks);
  const int64_t few = many / 2;
  MemoryMeter meter;
  const auto peak_of = [&](int64_t tasks) {
    meter.ResetPeak();
    engine.Compute(LongestTasks(chunk, tasks), parameters);
    return meter.peak_bytes();
  };
  const int64_t of_few = few > 0 ? peak_of(few) : 0;
  const int64_t of_many = peak_of(many);
  if (few == 0 || chunk_tasks <= many) return of_many;
  return of_many + (of_many - of_few) * (chunk_tasks - many) / (many - few);
}

int64_t SumsBytes(const Learner& learner, const TaskOptions& tasks, const Chunk& chunk,
                  int64_t chunks, int64_t element_bytes) {
  const int64_t events_per_task =
      (chunk.support.row_count() + chunk.query.row_count()) / chunk.task_count();
  const int64_t rows_per_task = events_per_task * (1 + chunk.negatives_per_row);
  int64_t row_width = 0;
  for (const TableSpec& table : learner.tables()) {
    row_width += std::min(table.row_count, tasks.chunk * rows_per_task) * (table.dim + 2);
  }
  // Gradients are kept as they are until all chunks are there, then added as 64-bit numbers.
  return (chunks * element_bytes + 8) * (learner.layout().size() + row_width);
}

}  // namespace

MemoryEstimate EstimateMemory(const TrainerOptions& options, const Dataset& dataset,
                              const Learner& learner, const DataBinding& data, int world_size,
                              int threads) {
  const int64_t element_bytes = learner.tensor_options().dtype().itemsize();
  MemoryEstimate estimate;
  estimate.parameters_bytes = ParametersBytes(learner, options, element_bytes, world_size);
  RequireFreeMemory(estimate.parameters_bytes);
  // A rehearsal needs no whole table: a row takes the same memory wherever it comes from.
  const MetaParameters parameters = learner.InitialParameters(
      options.optim.table_type, options.seed, {.capacity = RowPartition::kBuckets});
  const ChosenEngine engine =
      ChooseEngine(options.train.engine, {learner, data.builder()}, at::kCPU);
  MetaBatchLoader loader(dataset, kTrainPart, TrainingTasks(options), options.seed);
  const Chunk& chunk = loader.Next().chunks.front();
  // The rank that is dealt the most chunks counts.
  const int64_t chunks =
      (options.tasks.per_step / options.tasks.chunk + world_size - 1) / world_size;
  estimate.chunk_bytes = ChunkBytes(*engine.engine, parameters, chunk, options.tasks.chunk) *
                         std::min<int64_t>(threads, chunks);
  estimate.sums_bytes = SumsBytes(learner, options.tasks, chunk, chunks, element_bytes);
  return estimate;
}

}  // namespace hearth

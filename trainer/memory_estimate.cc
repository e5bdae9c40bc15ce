#include "trainer/memory_estimate.h"

#include <algorithm>

namespace hearth {
namespace {

// Copies of the adapted parameters that the autograd graph of one task holds: fast weights,
// gradients and their saved operands. Fitted on the MeLU-size model; second order, K inner steps.
constexpr double kCopiesAtStart = 7.3;
constexpr double kCopiesPerStep = 2.3;
// Tensors of [rows, width] per layer and inner step: input, output, their gradients and products.
constexpr double kActivationCopies = 6.0;

}  // namespace

MemoryEstimate EstimateMemory(const MetaLearner& learner, const TaskOptions& tasks,
                              OptimizerOptions::TableType table_type, int world_size) {
  const int64_t element_bytes = learner.tensor_options().dtype() == at::kDouble ? 8 : 4;
  const ParameterLayout& layout = learner.model().layout();
  MemoryEstimate estimate;
  int64_t table_elements = 0;
  for (const TableSpec& table : learner.model().tables()) {
    const int64_t copies = table_type == OptimizerOptions::TableType::kAdam ? 2 : 1;
    table_elements += table.row_count * (table.dim * copies + 2);
  }
  estimate.parameters_bytes = element_bytes * (layout.size() * 5 + table_elements);

  int64_t adapted = 0, width = 0;
  for (const int64_t p : learner.method().adapted()) {
    adapted += layout.spec(p).count;
    for (const int64_t size : layout.spec(p).shape) width += size;
  }
  const auto steps = static_cast<double>(adapted > 0 ? learner.meta().inner_steps : 0);
  const auto rows = static_cast<double>(tasks.support) * steps + static_cast<double>(tasks.query);
  const double per_task = static_cast<double>(adapted) * (kCopiesAtStart + kCopiesPerStep * steps) +
                          kActivationCopies * rows * static_cast<double>(width);
  estimate.chunk_bytes =
      element_bytes * static_cast<int64_t>(per_task * static_cast<double>(tasks.chunk));

  const int64_t chunks = std::max<int64_t>(1, tasks.per_step / tasks.chunk / world_size);
  int64_t row_width = 0;
  for (const TableSpec& table : learner.model().tables()) row_width += table.dim;
  const int64_t chunk_rows = tasks.chunk * (tasks.support + tasks.query);
  // Kept as given and as 64-bit sums until the reduction.
  estimate.sums_bytes = chunks * (layout.size() + chunk_rows * row_width) * (element_bytes + 8);
  return estimate;
}

}  // namespace hearth

#include "trainer/outer_loop.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "cluster/exact_sum.h"
#include "common/error.h"
#include "common/random.h"

namespace hearth {
namespace {

template <typename Real>
std::span<const Real> SpanOf(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<Real>(), static_cast<size_t>(tensor.numel())};
}

// The same sum on every rank, whatever the library's reduction order.
double SquaredNorm(const at::Tensor& tensor) {
  const at::Tensor values = tensor.to(at::kCPU, at::kDouble).contiguous();
  double sum = 0.0;
  for (const double value : SpanOf<double>(values)) sum += value * value;
  return sum;
}

}  // namespace

StepResult OuterLoop::Step(const MetaBatch& meta_batch) {
  return parameters_.dense.scalar_type() == at::kDouble ? StepAs<double>(meta_batch)
                                                        : StepAs<float>(meta_batch);
}

bool OuterLoop::HidesItemIds(int64_t step, int64_t chunk) const {
  RandomStream random(options_.seed, Purpose::kDropout, static_cast<uint64_t>(step),
                      static_cast<uint64_t>(chunk));
  return random.NextDouble() < options_.id_dropout;
}

template <typename Real>
StepResult OuterLoop::StepAs(const MetaBatch& meta_batch) {
  const auto type = std::is_same_v<Real, double> ? at::kDouble : at::kFloat;
  const auto cpu = at::TensorOptions().dtype(type);
  SumOverChunks<Real> dense_sum(parameters_.dense.numel(), options_.reduce);
  std::vector<RowSumOverChunks<Real>> row_sums;
  for (const EmbeddingTable& table : parameters_.tables) {
    row_sums.emplace_back(table.dim(), options_.reduce);
  }
  SumOverChunks<double> scalar_sum(3, options_.reduce);  // loss, finite tasks, skipped tasks
  for (const Chunk& chunk : meta_batch.chunks) {
    const ChunkResult result =
        engine_.Compute(chunk, parameters_, HidesItemIds(meta_batch.step, chunk.number));
    dense_sum.Add(SpanOf<Real>(result.dense_gradient));
    for (size_t t = 0; t < row_sums.size(); ++t) {
      row_sums[t].Add(result.table_rows[t], SpanOf<Real>(result.row_gradients[t]));
    }
    const auto finite = static_cast<double>(result.finite_task_count);
    const auto skipped = static_cast<double>(chunk.task_count()) - finite;
    scalar_sum.Add(std::array{result.loss_sum, finite, skipped});
  }

  std::array<double, 3> scalars{};
  scalar_sum.Reduce(communicator_, meta_batch.global_chunk_count, scalars);
  StepResult result{.task_count = std::llround(scalars[1]),
                    .skipped_task_count = std::llround(scalars[2])};
  at::Tensor dense = at::empty({parameters_.dense.numel()}, cpu);
  dense_sum.Reduce(communicator_, meta_batch.global_chunk_count,
                   {dense.mutable_data_ptr<Real>(), static_cast<size_t>(dense.numel())});
  std::vector<std::vector<int64_t>> table_rows;
  std::vector<at::Tensor> row_gradients;
  for (size_t t = 0; t < row_sums.size(); ++t) {
    RowSum<Real> sum = row_sums[t].Reduce(communicator_, meta_batch.global_chunk_count);
    const auto count = static_cast<int64_t>(sum.ids.size());
    row_gradients.push_back(
        at::from_blob(sum.rows.data(), {count, parameters_.tables[t].dim()}, cpu).clone());
    table_rows.push_back(std::move(sum.ids));
  }
  if (result.task_count == 0) {
    throw NumericError(
        "outer step {}: none of its {} tasks has a finite loss and gradient; lower meta.inner_lr "
        "or optim.lr, or look at the labels with 'hearth data validate'",
        meta_batch.step, meta_batch.global_task_count);
  }
  result.loss = scalars[0] / scalars[1];
  result.rate_factor = LearningRateFactor(options_.optimizer, meta_batch.step, options_.max_steps);
  Update(dense, table_rows, row_gradients, result);
  return result;
}

void OuterLoop::Update(const at::Tensor& dense, const std::vector<std::vector<int64_t>>& table_rows,
                       std::vector<at::Tensor>& row_gradients, StepResult& result) {
  const double per_task = 1.0 / static_cast<double>(result.task_count);
  double squared_norm = SquaredNorm(dense);
  for (const at::Tensor& gradient : row_gradients) squared_norm += SquaredNorm(gradient);
  result.gradient_norm = std::sqrt(squared_norm) * per_task;
  const double limit = options_.optimizer.clip_norm;
  const double clip =
      limit > 0.0 && result.gradient_norm > limit ? limit / result.gradient_norm : 1.0;
  const at::Device device = parameters_.dense.device();
  dense_optimizer_.Step(parameters_.dense, (dense * (per_task * clip)).to(device),
                        result.rate_factor);
  for (size_t t = 0; t < row_gradients.size(); ++t) {
    parameters_.tables[t].Apply(table_rows[t], (row_gradients[t] * (per_task * clip)).to(device),
                                options_.optimizer.table_lr * result.rate_factor,
                                options_.optimizer.table_l2);
  }
}

}  // namespace hearth

#include "trainer/outer_loop.h"

#include <cmath>
#include <mutex>
#include <optional>

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

// Sums of this rank's chunks, then of all ranks'.
template <typename Real>
class MetaGradientSum {
 public:
  MetaGradientSum(const MetaParameters& parameters, ReduceMode mode, int64_t local_chunk_count)
      : dense_(parameters.dense.numel(), mode), scalars_(3, mode) {
    dense_.Reserve(local_chunk_count);
    for (const EmbeddingTable& table : parameters.tables) rows_.emplace_back(table.dim(), mode);
  }

  void Add(const Chunk& chunk, const ChunkResult& result) {
    dense_.Add(SpanOf<Real>(result.dense_gradient));
    for (size_t t = 0; t < rows_.size(); ++t) {
      rows_[t].Add(result.table_rows[t], SpanOf<Real>(result.row_gradients[t]));
    }
    const auto finite = static_cast<double>(result.finite_task_count);
    const auto skipped = static_cast<double>(chunk.task_count()) - finite;
    scalars_.Add(std::array{result.loss_sum, finite, skipped});
  }

  // Collective. Returns the sums over all ranks: loss, finite tasks, skipped tasks.
  std::array<double, 3> Reduce(Communicator& communicator, int64_t chunk_count,
                               OuterLoop::Gradient* gradient) {
    std::array<double, 3> scalars{};
    scalars_.Reduce(communicator, chunk_count, scalars);
    const auto options = at::TensorOptions().dtype(at::CppTypeToScalarType<Real>::value);
    gradient->dense = at::empty({dense_.length()}, options);
    dense_.Reduce(communicator, chunk_count,
                  {gradient->dense.template mutable_data_ptr<Real>(),
                   static_cast<size_t>(gradient->dense.numel())});
    for (RowSumOverChunks<Real>& rows : rows_) {
      RowSum<Real> sum = rows.Reduce(communicator, chunk_count);
      const auto count = static_cast<int64_t>(sum.ids.size());
      gradient->rows.push_back(
          at::from_blob(sum.rows.data(), {count, rows.dim()}, options).clone());
      gradient->table_rows.push_back(std::move(sum.ids));
    }
    return scalars;
  }

 private:
  SumOverChunks<Real> dense_;
  std::vector<RowSumOverChunks<Real>> rows_;
  SumOverChunks<double> scalars_;  // loss, finite tasks, skipped tasks
};

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
  MetaGradientSum<Real> sum(parameters_, options_.reduce, std::ssize(meta_batch.chunks));
  std::vector<std::optional<ChunkResult>> results(meta_batch.chunks.size());
  size_t added = 0;
  std::mutex mutex;  // of sum, results and added
  threads_.Run(std::ssize(results), [&](int64_t c) {
    const Chunk& chunk = meta_batch.chunks[static_cast<size_t>(c)];
    const bool hide = HidesItemIds(meta_batch.step, chunk.number);
    ChunkResult result = engine_.Compute(chunk, parameters_, hide);
    const std::lock_guard lock(mutex);
    results[static_cast<size_t>(c)] = std::move(result);
    // In the order of chunks, so that threads do not change what sums in float give.
    for (; added < results.size() && results[added]; ++added) {
      sum.Add(meta_batch.chunks[added], *results[added]);
      results[added].reset();
    }
  });
  Gradient gradient;
  const std::array<double, 3> scalars =
      sum.Reduce(communicator_, meta_batch.global_chunk_count, &gradient);
  StepResult result{.task_count = std::llround(scalars[1]),
                    .skipped_task_count = std::llround(scalars[2])};
  if (result.task_count == 0) {
    throw NumericError(
        "outer step {}: none of its {} tasks has a finite loss and gradient; lower meta.inner_lr "
        "or optim.lr, or look at the labels with 'hearth data validate'",
        meta_batch.step, meta_batch.global_task_count);
  }
  result.loss = scalars[0] / scalars[1];
  result.rate_factor = LearningRateFactor(options_.optimizer, meta_batch.step, options_.max_steps);
  Update(gradient, result);
  return result;
}

void OuterLoop::Update(const Gradient& gradient, StepResult& result) {
  const double per_task = 1.0 / static_cast<double>(result.task_count);
  double squared_norm = SquaredNorm(gradient.dense);
  for (const at::Tensor& rows : gradient.rows) squared_norm += SquaredNorm(rows);
  result.gradient_norm = std::sqrt(squared_norm) * per_task;
  const double limit = options_.optimizer.clip_norm;
  const double clip =
      limit > 0.0 && result.gradient_norm > limit ? limit / result.gradient_norm : 1.0;
  const at::Device device = parameters_.dense.device();
  const auto scaled = [&](const at::Tensor& sum) { return (sum * (per_task * clip)).to(device); };
  dense_optimizer_.Step(parameters_.dense, scaled(gradient.dense), result.rate_factor);
  for (size_t t = 0; t < gradient.rows.size(); ++t) {
    parameters_.tables[t].Apply(gradient.table_rows[t], scaled(gradient.rows[t]),
                                options_.optimizer.table_lr * result.rate_factor,
                                options_.optimizer.table_l2);
  }
}

}  // namespace hearth

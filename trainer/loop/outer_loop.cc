#include "trainer/loop/outer_loop.h"

#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include <ATen/ops/from_blob.h>

#include "common/error.h"
#include "common/phase.h"
#include "common/stopwatch.h"
#include "common/usable_cores.h"
#include "trainer/table/sharded_tables.h"
#include "trainer/tensor/training_phases.h"

namespace hearth {
namespace {

template <typename Real>
std::span<const Real> SpanOf(const at::Tensor& tensor) {
  return std::span<const Real>(tensor.const_data_ptr<Real>(), tensor.numel());
}

template <typename Real>
double SquaredNorm(std::span<const Real> values) {
  double sum = 0.0;
  for (const Real value : values) sum += double{value} * double{value};
  return sum;
}

// Adds the squared norms of the rows to the sums of their buckets, in the order of ids. `sums`:
// [RowPartition::kBuckets]; they do not depend on the ranks that keep the buckets.
template <typename Real>
void AddSquaredNorms(const SparseRows<Real>& rows, int64_t dim, std::span<double> sums) {
  for (size_t i = 0; i < rows.ids.size(); ++i) {
    sums[RowPartition::BucketOf(rows.ids[i])] +=
        SquaredNorm(std::span(rows.rows).subspan(i * dim, dim));
  }
}

// The reason why sums over all ranks cannot become a step; empty when they can.
std::string WhyNoUpdate(const StepResult& result, const MetaBatch& meta_batch, int float_bits) {
  if (result.task_count == 0) {
    return fmt::format(
        "outer step {}: none of its {} tasks has a finite loss and gradient; lower meta.inner_lr "
        "or optim.lr, or look at the labels with 'hearth data validate'",
        meta_batch.step, meta_batch.global_task_count);
  }
  if (!std::isfinite(result.gradient_norm)) {
    return fmt::format(
        "outer step {}: the sum of the gradients of its {} tasks is beyond the range of a {}-bit "
        "float; lower the learning rates or set train.precision=float64",
        meta_batch.step, result.task_count, float_bits);
  }
  return {};
}

}  // namespace

OuterLoop::OuterLoop(const Options& options, const Engine& engine, const BatchBuilder& builder,
                     MetaParameters& parameters, DenseOptimizer& dense_optimizer,
                     Communicator& communicator, WorkerThreads& threads)
    : options_(options),
      engine_(engine),
      builder_(builder),
      parameters_(parameters),
      dense_optimizer_(dense_optimizer),
      communicator_(communicator),
      threads_(threads),
      shapes_(ShapesOf(parameters)),
      any_sharded_(AnySharded(parameters)) {
  for (const TableShape& shape : shapes_) sharded_.push_back(shape.sharded);
}

StepResult OuterLoop::Step(const MetaBatch& meta_batch, const NextMetaBatch& next,
                           const StepRequests& requests) {
  if (parameters_.dense.scalar_type() == at::kDouble) {
    return StepAs<double>(meta_batch, next, requests);
  }
  return StepAs<float>(meta_batch, next, requests);
}

RowRequest OuterLoop::RequestFor(const MetaBatch& meta_batch) const {
  return RequestRows(parameters_, builder_.TableRowsOf(meta_batch.chunks));
}

std::future<OuterLoop::NextRows> OuterLoop::LookAhead(const NextMetaBatch& next) const {
  if (!any_sharded_) return {};
  return std::async(BackgroundLaunch(), [this, &next] {
    const MetaBatch* to_come = next();
    if (to_come == nullptr) return NextRows{};
    return NextRows{to_come->step, RequestFor(*to_come)};
  });
}

FetchedRows OuterLoop::FetchRows(const MetaBatch& meta_batch) {
  if (!any_sharded_) return {};
  if (request_step_ != meta_batch.step) {
    request_ = RequestFor(meta_batch);
    ExchangeIds(communicator_, request_);
    request_step_ = meta_batch.step;
  }
  return FetchTableRows(communicator_, request_, parameters_);
}

template <typename Real>
void OuterLoop::ComputeChunks(const MetaBatch& meta_batch, const FetchedRows& fetched,
                              ChunkSums<Real>& sums) {
  sums.Reserve(std::ssize(meta_batch.chunks));
  std::vector<std::optional<ChunkResult>> results(meta_batch.chunks.size());
  size_t added = 0;
  std::mutex mutex;  // guards sums, results and added
  const auto add = [&](const Chunk& chunk, const ChunkResult& result) {
    sums.AddDense(SpanOf<Real>(result.dense_gradient));
    for (size_t t = 0; t < shapes_.size(); ++t) {
      sums.AddRows(t, result.table_rows[t], SpanOf<Real>(result.row_gradients[t]));
    }
    const auto finite = static_cast<double>(result.finite_task_count);
    const auto skipped = static_cast<double>(chunk.task_count()) - finite;
    sums.AddScalars(std::array{result.loss_sum, finite, skipped});
    sums.EndChunk();
  };
  threads_.Run(std::ssize(results), [&](int64_t c) {
    ChunkResult result = engine_.Compute(meta_batch.chunks[c], parameters_, fetched);
    const std::lock_guard lock(mutex);
    results[c] = std::move(result);
    // Results are added in the order of chunks, so that threads do not change sums in float.
    for (; added < results.size() && results[added]; ++added) {
      add(meta_batch.chunks[added], *results[added]);
      results[added].reset();
    }
  });
}

template <typename Real>
StepResult OuterLoop::StepAs(const MetaBatch& meta_batch, const NextMetaBatch& next,
                             const StepRequests& requests) {
  times_ = {};
  ChunkSums<Real> sums({.mode = options_.reduce,
                        .dense = parameters_.dense.numel(),
                        .scalars = 3,  // loss, finite tasks, skipped tasks
                        .tables = shapes_});
  FetchedRows fetched;
  {
    EnterPhase(kFetchPhase);
    const Stopwatch stopwatch(&times_.fetch);
    fetched = FetchRows(meta_batch);
  }
  std::future<NextRows> next_rows = LookAhead(next);
  {
    EnterPhase(kComputePhase);
    const Stopwatch stopwatch(&times_.compute);
    ComputeChunks(meta_batch, fetched, sums);
  }
  StepResult result;
  typename ChunkSums<Real>::Result reduced;
  {
    EnterPhase(kReducePhase);
    const Stopwatch stopwatch(&times_.reduce);
    NextRows to_come;
    if (next_rows.valid()) to_come = next_rows.get();
    reduced = Reduce(sums, meta_batch, std::move(to_come), result);
    AgreeOnNorm<Real>(reduced, requests, result);
  }
  if (result.skip_reason.empty()) {
    result.skip_reason = WhyNoUpdate(result, meta_batch, static_cast<int>(8 * sizeof(Real)));
  }
  if (!result.skip_reason.empty()) return result;
  result.rate_factor = LearningRateFactor(options_.optimizer, meta_batch.step, options_.max_steps);
  EnterPhase(kUpdatePhase);
  const Stopwatch stopwatch(&times_.update);
  Update<Real>(reduced, meta_batch.step, result);
  return result;
}

// The sums over all ranks. If a sum is not finite there are none, and the result has the reason.
// Collective.
template <typename Real>
typename ChunkSums<Real>::Result OuterLoop::Reduce(ChunkSums<Real>& sums,
                                                   const MetaBatch& meta_batch, NextRows next,
                                                   StepResult& result) {
  request_step_ = -1;
  typename ChunkSums<Real>::Result reduced;
  try {
    reduced =
        sums.Reduce(communicator_, meta_batch.global_chunk_count,
                    any_sharded_ ? &request_ : nullptr, next.step >= 0 ? &next.request : nullptr);
  } catch (const NumericError& error) {  // on every rank, before anything was sent
    result.skip_reason = fmt::format("outer step {}: {}", meta_batch.step, error.what());
    result.skipped_task_count = meta_batch.global_task_count;
    result.loss = std::numeric_limits<double>::quiet_NaN();
    reduced.rows.resize(shapes_.size());
    return reduced;
  }
  request_ = std::move(next.request);
  request_step_ = next.step;
  result.task_count = std::llround(reduced.scalars[1]);
  result.skipped_task_count = std::llround(reduced.scalars[2]);
  result.loss = reduced.scalars[0] / reduced.scalars[1];
  return reduced;
}

// Fills in the norm of the mean gradient and the requests of all ranks. Collective.
template <typename Real>
void OuterLoop::AgreeOnNorm(const typename ChunkSums<Real>::Result& sums,
                            const StepRequests& requests, StepResult& result) {
  constexpr size_t kBuckets = RowPartition::kBuckets;
  // The requests come first, then the buckets of each sharded table. One rank knows the sum of a
  // bucket and the others have zero, so any order of addition gives the same result.
  std::vector<double> shared = {double(requests.stop), double(requests.save),
                                double(requests.still_saving)};
  const auto request_count = std::ssize(shared);
  std::vector<std::vector<double>> own(shapes_.size());  // [table], if every rank has it whole
  for (size_t t = 0; t < shapes_.size(); ++t) {
    std::vector<double>& to = sharded_[t] ? shared : own[t];
    to.resize(to.size() + kBuckets);
    AddSquaredNorms(sums.rows[t], shapes_[t].dim, std::span(to).last(kBuckets));
  }
  communicator_.AllReduce(std::span(shared), ReduceOp::kSum);
  result.requests = {
      .stop = shared[0] > 0.0, .save = shared[1] > 0.0, .still_saving = shared[2] > 0.0};

  double squared_norm = SquaredNorm(std::span<const Real>(sums.dense));
  auto next_shared = shared.begin() + request_count;
  for (size_t t = 0; t < shapes_.size(); ++t) {
    auto bucket = sharded_[t] ? next_shared : own[t].begin();
    for (size_t b = 0; b < kBuckets; ++b) squared_norm += *bucket++;
    if (sharded_[t]) next_shared = bucket;
  }
  result.gradient_norm = std::sqrt(squared_norm) / static_cast<double>(result.task_count);
}

template <typename Real>
void OuterLoop::Update(typename ChunkSums<Real>::Result& sums, int64_t step,
                       const StepResult& result) {
  const double limit = options_.optimizer.clip_norm;
  double clip = 1.0;
  if (limit > 0.0 && result.gradient_norm > limit) clip = limit / result.gradient_norm;
  const double scale = clip / static_cast<double>(result.task_count);
  // Scales in place: `values` must outlive the tensor.
  const auto scaled = [&](std::vector<Real>& values, at::IntArrayRef shape) {
    for (Real& value : values) value *= static_cast<Real>(scale);
    const auto type = at::TensorOptions().dtype(c10::CppTypeToScalarType<Real>::value);
    return at::from_blob(values.data(), shape, type).to(parameters_.dense.device());
  };
  dense_optimizer_.Step(parameters_.dense, scaled(sums.dense, {std::ssize(sums.dense)}),
                        result.rate_factor);
  for (size_t t = 0; t < shapes_.size(); ++t) {
    EmbeddingTable& table = parameters_.tables[t];
    const std::vector<int64_t>& ids = sums.rows[t].ids;
    table.AdmitIds(ids, step);
    table.Apply(ids, scaled(sums.rows[t].rows, {std::ssize(ids), table.dim()}),
                options_.optimizer.table_lr * result.rate_factor, options_.optimizer.table_l2);
  }
}

}  // namespace hearth

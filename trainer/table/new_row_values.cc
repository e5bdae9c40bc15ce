#include "trainer/table/new_row_values.h"

#include <algorithm>

#include <ATen/Dispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "common/hash.h"
#include "common/random.h"

namespace hearth {
namespace {

// The number of buckets that get a new mean in a step: 128 steps refresh all buckets.
constexpr int64_t kMeansPerStep = RowPartition::kBuckets / 128;

}  // namespace

NewRowValues::NewRowValues(const TableSpec& spec, TableOptions::NewRows kind, uint64_t seed,
                           PositionRange buckets, at::TensorOptions options)
    : table_name_(spec.name),
      dim_(spec.dim),
      init_scale_(spec.init_scale),
      seed_(seed),
      buckets_(buckets) {
  if (kind == TableOptions::NewRows::kMean) {
    bucket_means_ = at::zeros({buckets.size(), dim_ + 1}, options.device(at::kCPU));
  }
}

int64_t NewRowValues::BytesFor(TableOptions::NewRows kind, PositionRange buckets, int64_t dim,
                               int64_t element_bytes) {
  return kind == TableOptions::NewRows::kMean ? buckets.size() * (dim + 1) * element_bytes : 0;
}

template <typename Real>
void NewRowValues::FillFromSeed(int64_t id, Real* values) const {
  RandomStream random(seed_, Purpose::kTableInit, Xxh3(table_name_.data(), table_name_.size()),
                      static_cast<uint64_t>(id));
  for (int64_t d = 0; d < dim_; ++d) {
    values[d] = static_cast<Real>(init_scale_ * random.NextNormal());
  }
}

at::Tensor NewRowValues::For(int64_t id) const {
  if (bucket_means_.defined()) {
    const at::Tensor mean = bucket_means_.select(0, RowPartition::BucketOf(id) - buckets_.begin)
                                .to(at::kDouble, /*non_blocking=*/false, /*copy=*/true);
    if (mean.const_data_ptr<double>()[dim_] > 0.0) return mean.narrow(0, 0, dim_);
  }
  at::Tensor values = at::empty({dim_}, at::TensorOptions().dtype(at::kDouble));
  FillFromSeed(id, values.mutable_data_ptr<double>());
  return values;
}

void NewRowValues::FillAll(const RowDirectory& directory, at::Tensor& rows) const {
  AT_DISPATCH_FLOATING_TYPES(rows.scalar_type(), "FillAll", [&] {
    auto* values = rows.mutable_data_ptr<scalar_t>();
    for (int64_t row = 0; row < rows.size(0); ++row) {
      FillFromSeed(directory.IdAt(row), values + row * dim_);
    }
  });
}

void NewRowValues::ListState(const StateDomain& buckets, StateList& list) {
  if (bucket_means_.defined()) list.push_back({"means", bucket_means_, buckets});
}

at::Tensor NewRowValues::MeanOf(int64_t bucket, int64_t slots, const RowDirectory& directory,
                                const at::Tensor& rows) const {
  const int64_t first = bucket * slots;
  const at::Tensor of_bucket = rows.narrow(0, first, slots).to(at::kCPU, at::kDouble);
  const auto* values = of_bucket.const_data_ptr<double>();
  at::Tensor result = at::zeros({dim_ + 1}, at::TensorOptions().dtype(at::kDouble));
  auto* mean = result.mutable_data_ptr<double>();
  double& count = mean[dim_];
  for (int64_t slot = 0; slot < slots; ++slot) {
    if (directory.IdAt(first + slot) == RowDirectory::kNoRow) continue;
    for (int64_t d = 0; d < dim_; ++d) mean[d] += values[slot * dim_ + d];
    count += 1.0;
  }
  for (int64_t d = 0; d < dim_ && count > 0.0; ++d) mean[d] /= count;
  return result;
}

void NewRowValues::RefreshMeans(int64_t step, const RowDirectory& directory,
                                const at::Tensor& rows) {
  if (!bucket_means_.defined()) return;
  const int64_t slots = directory.row_count() / RowPartition::kBuckets;
  const int64_t first = step % (RowPartition::kBuckets / kMeansPerStep) * kMeansPerStep;
  const int64_t begin = std::max(first, buckets_.begin);
  const int64_t end = std::min(first + kMeansPerStep, buckets_.end);
  for (int64_t bucket = begin; bucket < end; ++bucket) {
    const int64_t local = bucket - buckets_.begin;
    bucket_means_.select(0, local).copy_(MeanOf(local, slots, directory, rows));
  }
}

}  // namespace hearth

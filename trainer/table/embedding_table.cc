#include "trainer/table/embedding_table.h"

#include <algorithm>

#include <ATen/Dispatch.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include "common/error.h"
#include "common/hash.h"
#include "common/huge_pages.h"
#include "common/id_groups.h"
#include "common/random.h"
#include "trainer/table/device_rows.h"
#include "trainer/table/row_update.h"

namespace hearth {
namespace {

// Buckets whose mean is taken anew in a step: all of them within 128 steps.
constexpr int64_t kMeansPerStep = RowPartition::kBuckets / 128;

// A tensor for access at random places; its values are not set.
at::Tensor EmptyTable(at::IntArrayRef shape, const at::TensorOptions& options) {
  at::Tensor table = at::empty(shape, options);
  if (table.is_cpu()) {
    PreferHugePages(table.mutable_data_ptr(), static_cast<int64_t>(table.nbytes()));
  }
  return table;
}

bool IsDynamic(const TableSpec& spec, const TableOptions& options) {
  return options.capacity > 0 && spec.row_count > options.capacity;
}

void FillNewRow(uint64_t seed, const std::string& table, double init_scale, int64_t id, int64_t dim,
                auto* values) {
  RandomStream random(seed, Purpose::kTableInit, Xxh3(table.data(), table.size()),
                      static_cast<uint64_t>(id));
  for (int64_t d = 0; d < dim; ++d) {
    values[d] =
        static_cast<std::remove_reference_t<decltype(*values)>>(init_scale * random.NextNormal());
  }
}

}  // namespace

TableShape ShapeOf(const TableSpec& spec, const TableOptions& options, int64_t element_bytes,
                   const TablePlacement& placement) {
  int64_t rows = spec.row_count;
  if (IsDynamic(spec, options)) {
    rows = (options.capacity + RowPartition::kBuckets - 1) / RowPartition::kBuckets *
           RowPartition::kBuckets;
  }
  const bool sharded = placement.world_size > 1 &&
                       (IsDynamic(spec, options) ||
                        spec.row_count * spec.dim * element_bytes > placement.replicate_bytes);
  return {spec.dim, RowPartition(rows, placement.world_size), sharded, placement.wire};
}

EmbeddingTable::EmbeddingTable(const TableSpec& spec, TableOptimizer optimizer, uint64_t seed,
                               at::TensorOptions options, const TableOptions& table_options,
                               const TablePlacement& placement)
    : name_(spec.name),
      optimizer_(optimizer),
      seed_(seed),
      init_scale_(spec.init_scale),
      id_count_(spec.row_count),
      shape_(ShapeOf(spec, table_options, static_cast<int64_t>(options.dtype().itemsize()),
                     placement)),
      first_bucket_(shape_.sharded ? shape_.partition.FirstBucketOf(placement.rank) : 0),
      bucket_count_((shape_.sharded ? shape_.partition.FirstBucketOf(placement.rank + 1)
                                    : RowPartition::kBuckets) -
                    first_bucket_),
      owned_{shape_.partition.BucketBegin(first_bucket_),
             shape_.partition.BucketBegin(first_bucket_ + bucket_count_)},
      rows_(EmptyTable({owned_.size(), dim()}, options.device(at::kCPU))),
      state_(EmptyTable({owned_.size(), 2}, options).zero_()),
      second_moment_(state_.select(1, 0)),
      age_(state_.select(1, 1)),
      changed_(IsDynamic(spec, table_options) ? 0 : owned_.size()) {
  if (IsDynamic(spec, table_options)) {
    dynamic_.emplace(table_options, first_bucket_, bucket_count_,
                     row_count() / RowPartition::kBuckets);
    rows_.zero_();
    if (table_options.new_rows == TableOptions::NewRows::kMean) {
      bucket_means_ = at::zeros({bucket_count_, dim() + 1}, options.device(at::kCPU));
    }
  } else {
    AT_DISPATCH_FLOATING_TYPES(rows_.scalar_type(), "StartRows", [&] {
      auto* values = rows_.mutable_data_ptr<scalar_t>();
      for (int64_t row = 0; row < owned_.size(); ++row) {
        FillNewRow(seed_, name_, init_scale_, shape_.partition.IdAt(owned_.begin + row), dim(),
                   values + row * dim());
      }
    });
  }
  rows_ = rows_.to(options.device());
  if (optimizer == TableOptimizer::kAdam) {
    first_moment_ = EmptyTable(rows_.sizes(), options).zero_();
  }
}

void EmbeddingTable::RequireIds(std::span<const int64_t> ids) const {
  if (ids.empty()) return;
  const auto [least, greatest] = RangeOf(ids);
  HEARTH_CHECK(least >= 0 && greatest < id_count_, "ids {} to {} of table {}, which has {}", least,
               greatest, name_, id_count_);
}

int64_t EmbeddingTable::LocalRowOf(int64_t id) const {
  if (dynamic_) return dynamic_->Find(id);
  const int64_t position = shape_.partition.PositionOf(id);
  return owned_.Contains(position) ? position - owned_.begin : -1;
}

std::vector<int64_t> EmbeddingTable::LocalRowsOf(std::span<const int64_t> ids) const {
  std::vector<int64_t> rows(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) rows[i] = LocalRowOf(ids[i]);
  return rows;
}

template <typename Real>
TableMemory<Real> EmbeddingTable::Memory() {
  const bool has_first = optimizer_ == TableOptimizer::kAdam;
  return {.rows = rows_.mutable_data_ptr<Real>(),
          .first_moment = has_first ? first_moment_.mutable_data_ptr<Real>() : nullptr,
          .state = state_.mutable_data_ptr<Real>(),
          .dim = dim()};
}

at::Tensor EmbeddingTable::CopyRows(const at::Tensor& from,
                                    const std::vector<int64_t>& places) const {
  at::Tensor out = at::empty({std::ssize(places), dim()}, rows_.options());
  AT_DISPATCH_FLOATING_TYPES(rows_.scalar_type(), "CopyRows", [&] {
    const auto* rows = from.const_data_ptr<scalar_t>();
    auto* to = out.mutable_data_ptr<scalar_t>();
    if (rows_.is_cuda()) {
      GatherRowsOnDevice(rows, dim(), places, to, rows_.device());
    } else {
      GatherRows<scalar_t>(rows, dim(), places, to);
    }
  });
  return out;
}

at::Tensor EmbeddingTable::Gather(const std::vector<int64_t>& ids) const {
  if (!shape_.sharded) return GatherOwned(ids);
  std::vector<int64_t> places;
  places.reserve(ids.size());
  auto begin = fetched_ids_.begin();
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i > 0 && ids[i] < ids[i - 1]) begin = fetched_ids_.begin();
    begin = std::lower_bound(begin, fetched_ids_.end(), ids[i]);
    HEARTH_CHECK(begin != fetched_ids_.end() && *begin == ids[i],
                 "row {} of table {} was not fetched", ids[i], name_);
    places.push_back(begin - fetched_ids_.begin());
  }
  return CopyRows(fetched_rows_, places);
}

at::Tensor EmbeddingTable::GatherOwned(std::span<const int64_t> ids) const {
  RequireIds(ids);
  std::vector<int64_t> rows = LocalRowsOf(ids);
  std::vector<size_t> missing;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] >= 0) continue;
    HEARTH_CHECK(dynamic_, "row {} of table {} is on another rank", ids[i], name_);
    rows[i] = 0;
    missing.push_back(i);
  }
  at::Tensor out = CopyRows(rows_, rows);
  std::vector<double> values(static_cast<size_t>(dim()));
  for (const size_t i : missing) {
    NewRow(ids[i], values.data());
    out.select(0, static_cast<int64_t>(i))
        .copy_(at::from_blob(values.data(), {dim()}, at::TensorOptions().dtype(at::kDouble)));
  }
  return out;
}

void EmbeddingTable::SetFetched(std::vector<int64_t> ids, at::Tensor rows) {
  HEARTH_CHECK(shape_.sharded && rows.size(0) == std::ssize(ids) && Ascends(ids),
               "{} rows for {} ids of table {}", rows.size(0), ids.size(), name_);
  fetched_ids_ = std::move(ids);
  fetched_rows_ = rows.to(rows_.options());
}

void EmbeddingTable::NewRow(int64_t id, double* values) const {
  if (bucket_means_.defined()) {
    const at::Tensor mean =
        bucket_means_.select(0, RowPartition::BucketOf(id) - first_bucket_).to(at::kDouble);
    const auto* with_count = mean.const_data_ptr<double>();
    if (with_count[dim()] > 0.0) {
      std::copy_n(with_count, dim(), values);
      return;
    }
  }
  FillNewRow(seed_, name_, init_scale_, id, dim(), values);
}

void EmbeddingTable::RefreshMeans(int64_t step) {
  const int64_t slots = row_count() / RowPartition::kBuckets;
  const int64_t begin = step % (RowPartition::kBuckets / kMeansPerStep) * kMeansPerStep;
  for (int64_t bucket = begin; bucket < begin + kMeansPerStep; ++bucket) {
    const int64_t local = bucket - first_bucket_;
    if (local < 0 || local >= bucket_count_) continue;
    const at::Tensor rows = rows_.narrow(0, local * slots, slots).to(at::kCPU, at::kDouble);
    const std::span<const int64_t> ids =
        std::span(dynamic_->rows().ids())
            .subspan(static_cast<size_t>(local * slots), static_cast<size_t>(slots));
    std::vector<double> mean(static_cast<size_t>(dim()) + 1, 0.0);
    const auto* values = rows.const_data_ptr<double>();
    for (int64_t slot = 0; slot < slots; ++slot) {
      if (ids[static_cast<size_t>(slot)] == LruSlots::kEmpty) continue;
      for (int64_t d = 0; d < dim(); ++d) {
        mean[static_cast<size_t>(d)] += values[slot * dim() + d];
      }
      mean.back() += 1.0;
    }
    for (int64_t d = 0; d < dim() && mean.back() > 0.0; ++d) {
      mean[static_cast<size_t>(d)] /= mean.back();
    }
    bucket_means_.select(0, local).copy_(
        at::from_blob(mean.data(), {dim() + 1}, at::TensorOptions().dtype(at::kDouble)));
  }
}

void EmbeddingTable::Track(const std::vector<int64_t>& ids) {
  std::vector<int64_t> changed;
  for (const int64_t id : ids) {
    if (!tracked_.contains(id)) changed.push_back(id);
  }
  const at::Tensor before = GatherOwned(changed);
  for (size_t i = 0; i < changed.size(); ++i) {
    tracked_.emplace(changed[i], before.select(0, static_cast<int64_t>(i)));
  }
}

TrackedRows EmbeddingTable::TakeTracked() {
  TrackedRows rows;
  std::vector<at::Tensor> before = {at::empty({0, dim()}, rows_.options())};
  for (const auto& [id, row] : tracked_) {
    rows.ids.push_back(id);
    before.push_back(row.unsqueeze(0));
  }
  rows.before = at::cat(before, 0);
  tracked_.clear();
  return rows;
}

void EmbeddingTable::MarkChanged(const std::vector<int64_t>& local_rows) {
  RowMarks& marks = dynamic_ ? dynamic_->rows().changed() : changed_;
  for (const int64_t row : local_rows) marks.Mark(row);
}

void EmbeddingTable::ForgetChanges() {
  changed_.Clear();
  if (!dynamic_) return;
  dynamic_->rows().changed().Clear();
  dynamic_->waiting().changed().Clear();
}

void EmbeddingTable::See(const std::vector<int64_t>& ids, int64_t step) {
  if (!dynamic_) return;
  RequireIds(ids);
  if (bucket_means_.defined()) RefreshMeans(step);
  std::vector<double> values(static_cast<size_t>(dim()));
  for (const auto& [row, id] : dynamic_->See(ids, step)) {
    NewRow(id, values.data());
    rows_.select(0, row).copy_(
        at::from_blob(values.data(), {dim()}, at::TensorOptions().dtype(at::kDouble)));
    state_.select(0, row).zero_();
    if (first_moment_.defined()) first_moment_.select(0, row).zero_();
  }
}

void EmbeddingTable::Apply(const std::vector<int64_t>& ids, const at::Tensor& gradient, double lr,
                           double l2) {
  RequireIds(ids);
  HEARTH_CHECK(
      gradient.sizes() == at::IntArrayRef({static_cast<int64_t>(ids.size()), dim()}) &&
          gradient.scalar_type() == rows_.scalar_type() && gradient.device() == rows_.device(),
      "gradient of {} elements for {} rows of table {}", gradient.numel(), ids.size(), name_);
  std::vector<int64_t> rows = LocalRowsOf(ids);
  at::Tensor values = gradient.contiguous();
  if (std::ranges::find(rows, -1) != rows.end()) {
    std::vector<int64_t> kept;
    for (size_t i = 0; i < rows.size(); ++i) {
      HEARTH_CHECK(rows[i] >= 0 || dynamic_, "row {} of table {} is on another rank", ids[i],
                   name_);
      if (rows[i] >= 0) kept.push_back(static_cast<int64_t>(i));
    }
    values = CopyRows(values, kept);
    std::erase(rows, -1);
  }
  MarkChanged(rows);
  if (tracks_) Track(ids);
  const RowStep step = {.optimizer = optimizer_, .lr = lr, .l2 = l2};
  AT_DISPATCH_FLOATING_TYPES(rows_.scalar_type(), "Apply", [&] {
    StepBy(rows, Ascends(ids), values.const_data_ptr<scalar_t>(), step);
  });
}

template <typename Real>
void EmbeddingTable::StepBy(const std::vector<int64_t>& rows, bool unique, const Real* gradient,
                            const RowStep& step) {
  const TableMemory<Real> memory = Memory<Real>();
  const auto run = [&](const auto& named) {
    if (rows_.is_cuda()) {
      StepRowsOnDevice(memory, named, gradient, step, rows_.device());
    } else {
      StepRows(memory, named, gradient, step);
    }
  };
  if (unique) {
    run(std::span<const int64_t>(rows));
  } else {
    run(IdGroups(rows));
  }
}

}  // namespace hearth

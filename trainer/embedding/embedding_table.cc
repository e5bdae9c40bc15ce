#include "trainer/embedding/embedding_table.h"

#include <ATen/Dispatch.h>
#include <ATen/ops/empty.h>

#include "common/error.h"
#include "common/hash.h"
#include "common/huge_pages.h"
#include "common/id_groups.h"
#include "common/random.h"
#include "trainer/embedding/device_rows.h"
#include "trainer/kernel/row_update.h"

namespace hearth {
namespace {

template <typename Real>
void FillStartRows(const TableSpec& spec, uint64_t seed, Real* values) {
  const uint64_t table = Xxh3(spec.name.data(), spec.name.size());
  for (int64_t r = 0; r < spec.row_count; ++r) {
    RandomStream random(seed, Purpose::kTableInit, table, static_cast<uint64_t>(r));
    for (int64_t d = 0; d < spec.dim; ++d) {
      *values++ = static_cast<Real>(spec.init_scale * random.NextNormal());
    }
  }
}

// A tensor for access at random places; its values are not set.
at::Tensor EmptyTable(at::IntArrayRef shape, const at::TensorOptions& options) {
  at::Tensor table = at::empty(shape, options);
  if (table.is_cpu()) {
    PreferHugePages(table.mutable_data_ptr(), static_cast<int64_t>(table.nbytes()));
  }
  return table;
}

at::Tensor StartRows(const TableSpec& spec, uint64_t seed, const at::TensorOptions& options) {
  at::Tensor rows = EmptyTable({spec.row_count, spec.dim}, options.device(at::kCPU));
  AT_DISPATCH_FLOATING_TYPES(rows.scalar_type(), "StartRows",
                             [&] { FillStartRows(spec, seed, rows.mutable_data_ptr<scalar_t>()); });
  return rows.to(options.device());
}

}  // namespace

EmbeddingTable::EmbeddingTable(const TableSpec& spec, TableOptimizer optimizer, uint64_t seed,
                               at::TensorOptions options)
    : name_(spec.name),
      optimizer_(optimizer),
      rows_(StartRows(spec, seed, options)),
      state_(EmptyTable({spec.row_count, 2}, options).zero_()),
      second_moment_(state_.select(1, 0)),
      age_(state_.select(1, 1)) {
  if (optimizer == TableOptimizer::kAdam) {
    first_moment_ = EmptyTable(rows_.sizes(), options).zero_();
  }
}

void EmbeddingTable::RequireOwnRows(const std::vector<int64_t>& ids) const {
  if (ids.empty()) return;
  const auto [least, greatest] = RangeOf(ids);
  HEARTH_CHECK(least >= 0 && greatest < row_count(), "rows {} to {} of table {}, which has {}",
               least, greatest, name_, row_count());
}

template <typename Real>
TableMemory<Real> EmbeddingTable::Memory() {
  const bool has_first = optimizer_ == TableOptimizer::kAdam;
  return {.rows = rows_.mutable_data_ptr<Real>(),
          .first_moment = has_first ? first_moment_.mutable_data_ptr<Real>() : nullptr,
          .state = state_.mutable_data_ptr<Real>(),
          .dim = dim()};
}

at::Tensor EmbeddingTable::Gather(const std::vector<int64_t>& ids) const {
  RequireOwnRows(ids);
  at::Tensor out = at::empty({static_cast<int64_t>(ids.size()), dim()}, rows_.options());
  AT_DISPATCH_FLOATING_TYPES(rows_.scalar_type(), "Gather", [&] {
    const auto* rows = rows_.const_data_ptr<scalar_t>();
    auto* to = out.mutable_data_ptr<scalar_t>();
    if (rows_.is_cuda()) {
      GatherRowsOnDevice(rows, dim(), ids, to, rows_.device());
    } else {
      GatherRows<scalar_t>(rows, dim(), ids, to);
    }
  });
  return out;
}

void EmbeddingTable::Apply(const std::vector<int64_t>& ids, const at::Tensor& gradient, double lr,
                           double l2) {
  RequireOwnRows(ids);
  HEARTH_CHECK(
      gradient.sizes() == at::IntArrayRef({static_cast<int64_t>(ids.size()), dim()}) &&
          gradient.scalar_type() == rows_.scalar_type() && gradient.device() == rows_.device(),
      "gradient of {} elements for {} rows of table {}", gradient.numel(), ids.size(), name_);
  const at::Tensor values = gradient.contiguous();
  const RowStep step = {.optimizer = optimizer_, .lr = lr, .l2 = l2};
  AT_DISPATCH_FLOATING_TYPES(rows_.scalar_type(), "Apply",
                             [&] { StepBy(ids, values.const_data_ptr<scalar_t>(), step); });
}

template <typename Real>
void EmbeddingTable::StepBy(const std::vector<int64_t>& ids, const Real* gradient,
                            const RowStep& step) {
  const TableMemory<Real> memory = Memory<Real>();
  const auto run = [&](const auto& rows) {
    if (rows_.is_cuda()) {
      StepRowsOnDevice(memory, rows, gradient, step, rows_.device());
    } else {
      StepRows(memory, rows, gradient, step);
    }
  };
  if (Ascends(ids)) {
    run(std::span<const int64_t>(ids));
  } else {
    run(IdGroups(ids));
  }
}

std::vector<at::Tensor> GatherTableRows(const MetaParameters& parameters,
                                        const std::vector<std::vector<int64_t>>& table_rows) {
  std::vector<at::Tensor> rows;
  for (size_t t = 0; t < parameters.tables.size(); ++t) {
    rows.push_back(parameters.tables[t].Gather(table_rows[t]));
  }
  return rows;
}

MetaParameters InitializeMetaParameters(const Recommender& model, TableOptimizer optimizer,
                                        uint64_t seed, at::TensorOptions options) {
  MetaParameters parameters{.dense = InitializeParameters(model.layout(), seed, options),
                            .tables = {}};
  for (const TableSpec& spec : model.tables()) {
    parameters.tables.emplace_back(spec, optimizer, seed, options);
  }
  return parameters;
}

}  // namespace hearth

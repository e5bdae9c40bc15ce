#include "trainer/table/embedding_table.h"

#include <algorithm>

#include "common/error.h"
#include "common/id_groups.h"
#include "trainer/table/row_memory.h"

namespace hearth {
namespace {

TableShape ShapeFor(const TableSpec& spec, const TableOptions& options,
                    const TablePlacement& placement, at::TensorOptions tensors) {
  return ShapeOf(spec, options, static_cast<int64_t>(tensors.dtype().itemsize()), placement);
}

// A mean can only start a row that comes later, so a table with a row for every id starts from the
// seed.
TableOptions::NewRows NewRowsOf(const TableOptions& options, bool is_dynamic) {
  return is_dynamic ? options.new_rows : TableOptions::NewRows::kSeed;
}

at::Tensor StartRows(const RowDirectory& directory, const NewRowValues& new_rows,
                     at::TensorOptions options) {
  at::Tensor rows =
      EmptyTableRows({directory.owned().size(), directory.shape().dim}, options.device(at::kCPU));
  if (directory.is_dynamic()) {
    rows.zero_();
  } else {
    new_rows.FillAll(directory, rows);
  }
  return rows.to(options.device());
}

}  // namespace

EmbeddingTable::EmbeddingTable(const TableSpec& spec, TableOptimizer optimizer, uint64_t seed,
                               at::TensorOptions options, const TableOptions& table_options,
                               const TablePlacement& placement)
    : directory_(spec, table_options, ShapeFor(spec, table_options, placement, options),
                 placement.rank),
      new_rows_(spec, NewRowsOf(table_options, directory_.is_dynamic()), seed, directory_.buckets(),
                options),
      rows_(StartRows(directory_, new_rows_, options)),
      optimizer_(optimizer, rows_.size(0), dim(), options) {}

int64_t EmbeddingTable::BytesFor(const TableSpec& spec, TableOptimizer optimizer,
                                 at::TensorOptions options, const TableOptions& table_options,
                                 const TablePlacement& placement) {
  const auto element_bytes = static_cast<int64_t>(options.dtype().itemsize());
  const TableShape shape = ShapeFor(spec, table_options, placement, options);
  const int64_t rows = RowsOf(shape, placement.rank).size();
  const TableOptions::NewRows new_rows = NewRowsOf(table_options, IsDynamic(spec, table_options));
  return rows * spec.dim * element_bytes +
         RowOptimizer::BytesFor(optimizer, rows, spec.dim, element_bytes) +
         RowDirectory::BytesFor(spec, table_options, shape, placement.rank) +
         NewRowValues::BytesFor(new_rows, BucketsOf(shape, placement.rank), spec.dim,
                                element_bytes);
}

at::Tensor EmbeddingTable::Gather(std::span<const int64_t> ids) const {
  std::vector<int64_t> rows = directory_.FindAll(ids);
  std::vector<int64_t> missing;  // places in the list
  for (int64_t i = 0; i < std::ssize(rows); ++i) {
    if (rows[i] != RowDirectory::kNoRow) continue;
    rows[i] = 0;
    missing.push_back(i);
  }
  at::Tensor out = CopyTableRows(rows_, rows);
  for (const int64_t i : missing) out.select(0, i).copy_(new_rows_.For(ids[i]));
  return out;
}

void EmbeddingTable::AdmitIds(std::span<const int64_t> ids, int64_t step) {
  new_rows_.RefreshMeans(step, directory_, rows_);
  for (const auto& [row, id] : directory_.AdmitIds(ids, step)) {
    rows_.select(0, row).copy_(new_rows_.For(id));
    optimizer_.Reset(row);
  }
}

void EmbeddingTable::Apply(const std::vector<int64_t>& ids, const at::Tensor& gradient, double lr,
                           double l2) {
  HEARTH_CHECK(
      gradient.sizes() == at::IntArrayRef({std::ssize(ids), dim()}) &&
          gradient.scalar_type() == rows_.scalar_type() && gradient.device() == rows_.device(),
      "gradient of {} elements for {} rows of table {}", gradient.numel(), ids.size(), name());
  std::vector<int64_t> rows = directory_.FindAll(ids);
  at::Tensor values = gradient.contiguous();
  if (std::ranges::find(rows, RowDirectory::kNoRow) != rows.end()) {
    std::vector<int64_t> kept;
    for (int64_t i = 0; i < std::ssize(rows); ++i) {
      if (rows[i] != RowDirectory::kNoRow) kept.push_back(i);
    }
    values = CopyTableRows(values, kept);
    std::erase(rows, RowDirectory::kNoRow);
  }
  directory_.MarkChanged(rows);
  if (tracker_) {
    const std::vector<int64_t> fresh = tracker_->NotYetOf(ids);
    tracker_->Remember(fresh, Gather(fresh));
  }
  if (Ascends(ids)) {
    optimizer_.Step(rows_, rows, values, lr, l2);
  } else {
    optimizer_.Step(rows_, IdGroups(rows), values, lr, l2);
  }
}

void EmbeddingTable::ListModel(StateList& list) {
  list.push_back({"rows", rows_, directory_.RowsDomain()});
  directory_.ListIds(list);
  new_rows_.ListState(directory_.BucketsDomain(), list);
}

void EmbeddingTable::ListOptimizer(StateList& list) {
  optimizer_.ListState(directory_.RowsDomain(), list);
  directory_.ListWaiting(list);
}

}  // namespace hearth

#include "trainer/table/row_directory.h"

#include "common/error.h"
#include "common/id_groups.h"

namespace hearth {
namespace {

int64_t SlotsOf(const TableShape& shape) {
  return shape.partition.row_count() / RowPartition::kBuckets;
}

}  // namespace

PositionRange BucketsOf(const TableShape& shape, int rank) {
  if (!shape.sharded) return {0, RowPartition::kBuckets};
  return {shape.partition.FirstBucketOf(rank), shape.partition.FirstBucketOf(rank + 1)};
}

PositionRange RowsOf(const TableShape& shape, int rank) {
  const PositionRange buckets = BucketsOf(shape, rank);
  return {shape.partition.BucketBegin(buckets.begin), shape.partition.BucketBegin(buckets.end)};
}

bool IsDynamic(const TableSpec& spec, const TableOptions& options) {
  return options.capacity > 0 && spec.row_count > options.capacity;
}

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

RowDirectory::RowDirectory(const TableSpec& spec, const TableOptions& options,
                           const TableShape& shape, int rank)
    : table_name_(spec.name),
      id_count_(spec.row_count),
      shape_(shape),
      buckets_(BucketsOf(shape, rank)),
      owned_(RowsOf(shape, rank)),
      changed_(IsDynamic(spec, options) ? 0 : owned_.size()) {
  if (!IsDynamic(spec, options)) return;
  dynamic_.emplace(options, buckets_.begin, buckets_.size(), SlotsOf(shape));
}

int64_t RowDirectory::BytesFor(const TableSpec& spec, const TableOptions& options,
                               const TableShape& shape, int rank) {
  if (!IsDynamic(spec, options)) return RowMarks::BytesFor(RowsOf(shape, rank).size());
  return DynamicIds::BytesFor(options, BucketsOf(shape, rank).size(), SlotsOf(shape));
}

void RowDirectory::RequireIds(std::span<const int64_t> ids) const {
  if (ids.empty()) return;
  const auto [least, greatest] = RangeOf(ids);
  HEARTH_CHECK(least >= 0 && greatest < id_count_, "ids {} to {} of table {}, which has {}", least,
               greatest, table_name_, id_count_);
}

int64_t RowDirectory::Find(int64_t id) const {
  if (dynamic_) return dynamic_->Find(id);
  const int64_t position = shape_.partition.PositionOf(id);
  return owned_.Contains(position) ? position - owned_.begin : kNoRow;
}

std::vector<int64_t> RowDirectory::FindAll(std::span<const int64_t> ids) const {
  RequireIds(ids);
  std::vector<int64_t> rows(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    rows[i] = Find(ids[i]);
    HEARTH_CHECK(rows[i] != kNoRow || dynamic_, "row {} of table {} is on another rank", ids[i],
                 table_name_);
  }
  return rows;
}

int64_t RowDirectory::IdAt(int64_t row) const {
  if (dynamic_) return dynamic_->rows().ids()[row];
  return shape_.partition.IdAt(owned_.begin + row);
}

std::vector<DynamicIds::NewRow> RowDirectory::AdmitIds(std::span<const int64_t> ids, int64_t step) {
  if (!dynamic_) return {};
  RequireIds(ids);
  return dynamic_->AdmitIds(ids, step);
}

void RowDirectory::MarkChanged(std::span<const int64_t> rows) {
  RowMarks& marks = dynamic_ ? dynamic_->rows().changed() : changed_;
  for (const int64_t row : rows) marks.Mark(row);
}

StateDomain RowDirectory::RowsDomain() const {
  return {StateDomain::Kind::kTableRows, row_count(), owned_, shape_.sharded, &changed()};
}

StateDomain RowDirectory::BucketsDomain() const {
  return {StateDomain::Kind::kBuckets, RowPartition::kBuckets, buckets_, shape_.sharded, nullptr};
}

void RowDirectory::ListIds(StateList& list) {
  if (dynamic_) dynamic_->ListRows(RowsDomain(), list);
}

void RowDirectory::ListWaiting(StateList& list) {
  if (!dynamic_) return;
  const RowMarks& changed = dynamic_->waiting().changed();
  dynamic_->ListWaiting({StateDomain::Kind::kSlots, row_count(), owned_, shape_.sharded, &changed},
                        list);
}

void RowDirectory::ForgetChanges() {
  changed_.Clear();
  if (!dynamic_) return;
  dynamic_->rows().changed().Clear();
  dynamic_->waiting().changed().Clear();
}

}  // namespace hearth

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cluster/row_request.h"
#include "trainer/table/dynamic_ids.h"
#include "trainer/table/row_marks.h"
#include "trainer/table/state_array.h"
#include "trainer/table/table_options.h"

namespace hearth {

/// How the ranks share the table of a spec.
TableShape ShapeOf(const TableSpec& spec, const TableOptions& options, int64_t element_bytes,
                   const TablePlacement& placement);

/// Says for one table which ids have a row on this rank, and in which place; marks the rows that
/// changed. A table with at most TableOptions::capacity ids has a row for every id, on this rank
/// where it is whole or the rank owns the id. A table with more ids has rows for some of them
/// (DynamicIds). Rows are in the order of RowPartition.
class RowDirectory {
 public:
  static constexpr int64_t kNoRow = LruSlots::kEmpty;

  RowDirectory(const TableSpec& spec, const TableOptions& options, const TableShape& shape,
               int rank);

  const std::string& table_name() const { return table_name_; }
  /// Ids are in [0, id_count()).
  int64_t id_count() const { return id_count_; }
  const TableShape& shape() const { return shape_; }
  /// Rows on all ranks together: id_count(), or the capacity.
  int64_t row_count() const { return shape_.partition.row_count(); }
  /// The positions of this rank's rows; all positions unless the table is sharded.
  PositionRange owned() const { return owned_; }
  /// The buckets of these positions.
  PositionRange buckets() const { return buckets_; }
  bool is_dynamic() const { return dynamic_.has_value(); }

  /// The place of an id's row among this rank's rows; kNoRow: another rank has it, or none has.
  int64_t Find(int64_t id) const;
  /// The same for every id of a list. An id outside the table or of another rank ends the process.
  std::vector<int64_t> FindAll(std::span<const int64_t> ids) const;
  /// The id of each place, kNoRow where a place is free.
  int64_t IdAt(int64_t row) const;

  /// Takes note of the ids (ascending, unique, owned) that take part in an outer step. A table of
  /// dynamic ids gives a row to some and takes it from others; the rows given are returned.
  std::vector<DynamicIds::NewRow> AdmitIds(std::span<const int64_t> ids, int64_t step);

  /// The rows that changed since ForgetChanges: AdmitIds marks rows that change hands, whoever
  /// writes to a row marks it.
  const RowMarks& changed() const { return dynamic_ ? dynamic_->rows().changed() : changed_; }
  void MarkChanged(std::span<const int64_t> rows);
  void ForgetChanges();

  /// The domains of the table's state.
  StateDomain RowsDomain() const;
  StateDomain BucketsDomain() const;
  /// List the state of dynamic ids; nothing for a table with a row for every id. `ListWaiting`:
  /// the ids that wait for a row, which reading a model does not need.
  void ListIds(StateList& list);
  void ListWaiting(StateList& list);

 private:
  void RequireIds(std::span<const int64_t> ids) const;

  std::string table_name_;
  int64_t id_count_;
  TableShape shape_;
  PositionRange buckets_, owned_;
  std::optional<DynamicIds> dynamic_;
  RowMarks changed_;  // of a table with a row for every id
};

}  // namespace hearth

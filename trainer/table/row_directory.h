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

/// Says how the ranks share the table of a spec.
TableShape ShapeOf(const TableSpec& spec, const TableOptions& options, int64_t element_bytes,
                   const TablePlacement& placement);

/// The buckets, and the positions of the rows, that a rank has of a table.
PositionRange BucketsOf(const TableShape& shape, int rank);
PositionRange RowsOf(const TableShape& shape, int rank);
/// True if the table has rows for some of its ids only.
bool IsDynamic(const TableSpec& spec, const TableOptions& options);

/// Finds the places of ids among the rows that this rank has of one table, and marks the rows that
/// changed. A table with at most TableOptions::capacity ids has a row for every id; this rank has
/// the row when the table is not sharded or the rank owns the id. A table with more ids has rows
/// for some of them (DynamicIds). Rows are in the order of RowPartition.
class RowDirectory {
 public:
  static constexpr int64_t kNoRow = LruSlots::kEmpty;

  RowDirectory(const TableSpec& spec, const TableOptions& options, const TableShape& shape,
               int rank);

  /// Memory of the directory that these arguments make, when it is full.
  static int64_t BytesFor(const TableSpec& spec, const TableOptions& options,
                          const TableShape& shape, int rank);

  const std::string& table_name() const { return table_name_; }
  /// All ids are in [0, id_count()).
  int64_t id_count() const { return id_count_; }
  const TableShape& shape() const { return shape_; }
  /// The number of rows on all ranks together: id_count(), or the capacity.
  int64_t row_count() const { return shape_.partition.row_count(); }
  /// The positions of this rank's rows; all positions unless the table is sharded.
  PositionRange owned() const { return owned_; }
  /// The buckets of these positions.
  PositionRange buckets() const { return buckets_; }
  bool is_dynamic() const { return dynamic_.has_value(); }

  /// The place of an id's row among this rank's rows; kNoRow when another rank or no rank has it.
  int64_t Find(int64_t id) const;
  /// Finds every id of a list. An id outside the table or of another rank ends the process.
  std::vector<int64_t> FindAll(std::span<const int64_t> ids) const;
  /// The id at a place; kNoRow when the place is free.
  int64_t IdAt(int64_t row) const;

  /// Takes the ids (ascending, unique, owned) that take part in an outer step. A table of dynamic
  /// ids gives a row to some ids and takes the row from others. Returns the rows that were given.
  std::vector<DynamicIds::NewRow> AdmitIds(std::span<const int64_t> ids, int64_t step);

  /// The rows that changed since ForgetChanges. AdmitIds marks the rows that go to another id; code
  /// that writes to a row must mark it with MarkChanged.
  const RowMarks& changed() const { return dynamic_ ? dynamic_->rows().changed() : changed_; }
  void MarkChanged(std::span<const int64_t> rows);
  void ForgetChanges();

  /// The domains of the table's state.
  StateDomain RowsDomain() const;
  StateDomain BucketsDomain() const;
  /// List the state of dynamic ids; a table with a row for every id has none. ListIds lists the ids
  /// with a row. ListWaiting lists the ids that wait for a row; a reader of the model does not need
  /// them.
  void ListIds(StateList& list);
  void ListWaiting(StateList& list);

 private:
  void RequireIds(std::span<const int64_t> ids) const;

  std::string table_name_;
  int64_t id_count_;
  TableShape shape_;
  PositionRange buckets_, owned_;
  std::optional<DynamicIds> dynamic_;
  RowMarks changed_;  // used by a table with a row for every id
};

}  // namespace hearth

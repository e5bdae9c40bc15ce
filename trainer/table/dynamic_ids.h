#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "trainer/table/lru_slots.h"
#include "trainer/table/table_options.h"

namespace hearth {

/// Gives the rows of a table of fixed capacity to some ids of an open-ended set. Ids are
/// admitted by count and evicted by time and by capacity (TableOptions). The result depends only on
/// the ids of every step, not on the number of ranks.
class DynamicIds {
 public:
  /// Covers the buckets of one rank; each bucket has `slots` rows.
  DynamicIds(const TableOptions& options, int64_t first_bucket, int64_t bucket_count,
             int64_t slots);

  /// Memory of such an object when every row has an id, and as many ids wait as can.
  static int64_t BytesFor(const TableOptions& options, int64_t bucket_count, int64_t slots);

  /// The row of an id among the rank's rows; LruSlots::kEmpty if the id has none.
  int64_t Find(int64_t id) const { return rows_.Find(id); }
  int64_t size() const { return rows_.size(); }

  struct NewRow {
    int64_t row, id;
  };
  /// Takes the ids (ascending, unique) that take part in an outer step; call it once per step.
  /// Returns the rows that were given to an id just now; some of them held another id before.
  std::vector<NewRow> AdmitIds(std::span<const int64_t> ids, int64_t step);

  /// The ids with a row, and the ids that wait for a row.
  LruSlots& rows() { return rows_; }
  const LruSlots& rows() const { return rows_; }
  LruSlots& waiting() { return waiting_; }
  /// ListRows lists the ids with a row. ListWaiting lists the ids that wait for a row and how often
  /// each was seen. `domain`: the table's rows (ListRows) or slots (ListWaiting).
  void ListRows(const StateDomain& domain, StateList& list);
  void ListWaiting(const StateDomain& domain, StateList& list);

 private:
  // Counts one more use of an id without a row; true when the id has now been seen often enough.
  bool IsAdmitted(int64_t id, int64_t step);
  void StopWaiting(int64_t id);

  TableOptions options_;
  LruSlots rows_;
  LruSlots waiting_;
  std::vector<int64_t> waiting_counts_;
};

}  // namespace hearth

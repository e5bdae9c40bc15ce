#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "trainer/table/lru_slots.h"
#include "trainer/table/table_options.h"

namespace hearth {

/// Which ids of an open-ended set have a row in a table of fixed capacity: admission by count,
/// eviction by time and by capacity (TableOptions). A function of the ids of every step alone, for
/// any number of ranks.
class DynamicIds {
 public:
  /// For the buckets of one rank, each of `slots` rows.
  DynamicIds(const TableOptions& options, int64_t first_bucket, int64_t bucket_count,
             int64_t slots);

  /// The row of an id among the rank's rows, LruSlots::kEmpty if it has none.
  int64_t Find(int64_t id) const { return rows_.Find(id); }
  int64_t size() const { return rows_.size(); }

  struct NewRow {
    int64_t row, id;
  };
  /// Once per outer step: these ids (ascending, unique) took part in it. Returns the rows that were
  /// given to an id just now, whatever they held before.
  std::vector<NewRow> AdmitIds(std::span<const int64_t> ids, int64_t step);

  /// The ids with a row and those that wait for one.
  LruSlots& rows() { return rows_; }
  const LruSlots& rows() const { return rows_; }
  LruSlots& waiting() { return waiting_; }
  /// Lists the state: ids with a row; ids that wait for one, and how often they were seen. The
  /// domains are those of the table's rows and slots.
  void ListRows(const StateDomain& domain, StateList& list);
  void ListWaiting(const StateDomain& domain, StateList& list);

 private:
  // Whether an id without a row has now been seen often enough.
  bool IsAdmitted(int64_t id, int64_t step);

  TableOptions options_;
  LruSlots rows_;
  LruSlots waiting_;
  std::vector<int64_t> waiting_counts_;
};

}  // namespace hearth

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "storage/import/bad_rows.h"
#include "storage/import/column_header.h"
#include "storage/import/event_source.h"
#include "storage/import/event_weights.h"
#include "storage/import/field_parser.h"
#include "storage/import/table.h"

namespace hearth {

/// The columns of a table that make its events.
struct EventColumns {
  struct Column {
    std::string name = {};  ///< for messages
    size_t position = ColumnHeader::kNone;

    bool is_there() const { return position != ColumnHeader::kNone; }
  };

  Column user, item;
  Column subject;      ///< who acted, if the values of a task column take the users' place
  Column label, time;  ///< may be absent
  Column type;         ///< of events; if it is there, `weights` gives the labels
  EventWeights weights;
  int64_t weightless_count = 0;  ///< rows that made no event because their type has the weight 0
  TimeUnit time_unit = TimeUnit::kSeconds;
  bool has_own_unit = false;  ///< Table::IsTime holds for the column of times
  std::string missing_id;     ///< a text that stands for no id in this log; "": none

  /// Chooses the time unit that `option` names; "auto": the one that fits the first times.
  void ChooseTimeUnit(const std::string& option, Table* table);
  /// Every event is positive: labels are 1, or weights of types.
  bool are_positive() const { return type.is_there() || !label.is_there(); }
  /// Reads the current row of `table`. False: it was rejected, or counts for weightless_count.
  bool Read(const Table& table, BadRows* bad_rows, RawEvent* event);
  /// Tells people how times are read, and names the columns of `table` that are not used.
  std::vector<std::string> Notes(const Table& table) const;
};

}  // namespace hearth

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/import/clean.h"

namespace hearth {

/// Where a row stands: for messages. `file` outlives the row.
struct RowPlace {
  std::string_view file;
  int64_t line = 0;  ///< from 1; 0 where the format has no lines (JSON)
};

/// Judge of rows that cannot be used. One per conversion.
class BadRows {
 public:
  BadRows(BadRowRule rule, int64_t max_bad) : rule_(rule), max_bad_(max_bad) {}

  /// kRefuse: throws DataError with file, line, column, value and reason. kSkip: counts, logs the
  /// first few, and throws DataError when more than max_bad rows were bad.
  void Reject(const RowPlace& place, std::string_view column, std::string_view value,
              std::string_view why);

  int64_t count() const { return count_; }

 private:
  BadRowRule rule_;
  int64_t max_bad_;
  int64_t count_ = 0;
};

/// `text` in quotes for a message: control characters escaped, cut after 60 bytes.
std::string Quoted(std::string_view text);

}  // namespace hearth

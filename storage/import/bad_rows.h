#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/import/clean.h"

namespace hearth {

/// The place of a row in its file, for messages. The text behind `file` outlives this object.
struct RowPlace {
  std::string_view file;
  int64_t line = 0;  ///< from 1; 0: the format has no lines (JSON)
};

/// Refuses or counts the rows that cannot be used. A conversion has one such object.
class BadRows {
 public:
  BadRows(BadRowRule rule, int64_t max_bad) : rule_(rule), max_bad_(max_bad) {}

  /// kRefuse: throws DataError with file, line, column, value and reason. kSkip: counts the row,
  /// logs the first few rows, and throws DataError when more than max_bad rows were bad.
  void Reject(const RowPlace& place, std::string_view column, std::string_view value,
              std::string_view why);

  int64_t count() const { return count_; }

 private:
  BadRowRule rule_;
  int64_t max_bad_;
  int64_t count_ = 0;
};

/// `text` in quotes for a message. Control characters are escaped; the text is cut after 60 bytes.
std::string Quoted(std::string_view text);

}  // namespace hearth

#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "storage/import/bad_rows.h"
#include "storage/import/line_reader.h"

namespace hearth {

struct RecordFormat {
  std::string separator = ",";  ///< between fields; any length >= 1
  /// Quoting of RFC 4180: a field in double quotes may hold separators, line ends and "" for ".
  /// False: quotes are ordinary characters.
  bool quotes = false;
};

/// Records (rows of fields) of a delimited text file. Empty lines are no records. Lines that are
/// too long, hold a NUL byte or end inside quotes are rejected as bad rows and passed over.
class RecordReader {
 public:
  /// `bad_rows` outlives the reader. Throws as LineReader.
  RecordReader(const std::string& path, RecordFormat format, BadRows* bad_rows);

  /// Moves to the next record; false at the end.
  bool Next();
  /// Fields of the record, valid until Next().
  const std::vector<std::string_view>& fields() const { return fields_; }
  /// Where the record starts.
  RowPlace place() const { return {lines_.path(), first_line_}; }

  /// Rejects the record as a whole unless it has at least `count` fields; false when rejected.
  bool Require(size_t count);

 private:
  bool ParseQuoted();

  LineReader lines_;
  RecordFormat format_;
  BadRows* bad_rows_;
  int64_t first_line_ = 0;
  std::vector<std::string_view> fields_;
  std::string record_;                // the lines of a record with quotes, joined
  std::deque<std::string> unquoted_;  // fields with quotes, resolved; a deque keeps them in place
};

}  // namespace hearth

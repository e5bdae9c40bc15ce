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
  std::string separator = ",";  ///< the text between two fields; any length >= 1
  /// true: quoting of RFC 4180. A field in double quotes may hold separators, line ends and "" for
  /// ". false: quotes are ordinary characters.
  bool quotes = false;
};

/// Records (rows of fields) of a delimited text file. Empty lines are skipped. A line that is too
/// long, holds a NUL byte or ends inside quotes is rejected as a bad row and passed over.
class RecordReader {
 public:
  /// `bad_rows` outlives the reader. Throws the errors of LineReader.
  RecordReader(const std::string& path, RecordFormat format, BadRows* bad_rows);

  /// Moves to the next record; false at the end.
  bool Next();
  /// Fields of the record, valid until Next().
  const std::vector<std::string_view>& fields() const { return fields_; }
  /// The first line of the record.
  RowPlace place() const { return {lines_.path(), first_line_}; }

  /// True if the record has at least `count` fields. A shorter record is rejected as a whole.
  bool Require(size_t count);

 private:
  bool ParseQuoted();

  LineReader lines_;
  RecordFormat format_;
  BadRows* bad_rows_;
  int64_t first_line_ = 0;
  std::vector<std::string_view> fields_;
  std::string record_;                // the joined lines of a record with quotes
  std::deque<std::string> unquoted_;  // fields without their quotes; a deque never moves them
};

}  // namespace hearth

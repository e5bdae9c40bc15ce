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
  /// true: quoting of RFC 4180. A field that begins with a double quote may hold separators, line
  /// ends and "" for ". A quote anywhere else is an ordinary character. false: all quotes are.
  bool quotes = false;
  char escape = 0;  ///< takes the next character of a quoted field as it is; 0: there is none
};

/// Records (rows of fields) of a delimited text. Empty lines are skipped. A line that is too long,
/// holds a NUL byte, is not UTF-8 (RequireUtf8) or opens a quote that never closes is rejected as a
/// bad row and passed over; the lines behind it are read as records of their own. A record over
/// several lines is rejected too if its first and its last line have as many fields as the whole: a
/// stray quote joins rows like that.
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

  /// The lines so far that belong to a quoted field of an earlier line, empty ones left out.
  int64_t joined_line_count() const { return joined_line_count_; }

  /// Returns the next `count` records, or fewer at the end. Next() still returns them.
  std::vector<std::vector<std::string>> Peek(size_t count);
  /// LineReader::head, before any record is read.
  std::string_view head() const { return lines_.head(); }
  /// Rejects lines that are not UTF-8, instead of converting them.
  void RequireUtf8() { lines_.RequireUtf8(); }
  /// Changes the format of the records to come.
  void SetFormat(RecordFormat format) { format_ = std::move(format); }

  /// True if the record has `least` to `most` fields, or one more that is empty. Another record is
  /// rejected as a whole.
  bool Require(size_t least, size_t most);
  bool Require(size_t count) { return Require(count, count); }

 private:
  struct Line {
    std::string text;
    int64_t number = 0;
    LineReader::Fault fault = LineReader::Fault::kNone;
  };

  bool TakeLine();
  bool ParseQuoted();
  bool AppendLine();
  bool CloseQuotes();
  bool JoinsRows() const;
  bool RejectFirstLine(std::string_view why);
  void Reject(std::string_view value, std::string_view why);

  LineReader lines_;
  RecordFormat format_;
  BadRows* bad_rows_;
  std::deque<Line> ahead_;  // lines that are read before lines_ goes on
  bool is_peeking_ = false;
  std::vector<Line> peeked_;

  Line held_;  // holds the text of line_, if that comes from ahead_
  struct {
    std::string_view text;
    int64_t number = 0;
    LineReader::Fault fault = LineReader::Fault::kNone;
  } line_;  // the current line

  int64_t first_line_ = 0, joined_line_count_ = 0;
  std::vector<std::string_view> fields_;
  std::string record_;                // the joined lines of a record with quotes
  std::vector<Line> joined_;          // its lines behind the first
  std::deque<std::string> unquoted_;  // fields without their quotes; a deque never moves them
};

}  // namespace hearth

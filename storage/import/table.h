#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/import/bad_rows.h"
#include "storage/import/column_header.h"
#include "storage/import/convert.h"
#include "storage/import/event_source.h"

namespace hearth {

/// The form of a field.
enum class FieldForm : uint8_t {
  kValue,   ///< one text or number, or nothing
  kList,    ///< a list of values: Parts
  kObject,  ///< an object or a list with objects: nothing that a column can hold
};

/// A table of any kind of file: rows of fields under columns with names. A table is read once, from
/// its first row to its last, so that it may be a pipe.
class Table {
 public:
  virtual ~Table() = default;

  /// Moves to the next row; false at the end. A row that cannot be read is rejected and passed
  /// over.
  virtual bool Next() = 0;
  /// The texts of the row, valid until Next(): [column of header()], or fewer (Require). A missing
  /// value is "", a boolean is "true" or "false", a number has the digits of the file.
  virtual const std::vector<std::string_view>& fields() const = 0;
  virtual RowPlace place() const = 0;
  /// True if the row has `least` to header().size() fields. Another row is rejected as a whole.
  virtual bool Require(size_t /*least*/) { return true; }

  virtual FieldForm FormOf(size_t /*column*/) const { return FieldForm::kValue; }
  /// The values of a list, or the parts of a text between separators. Valid until Next().
  virtual std::vector<std::string_view> Parts(size_t column, std::string_view separator) const;
  /// True if the field is one value. Another field rejects the row.
  bool RequireValue(size_t column, BadRows* bad_rows) const;

  /// The names of the columns; a type stands for a kind that the file itself tells. A file that
  /// names its columns row by row (JSON lines) adds columns behind the others while it is read.
  virtual const ColumnHeader& header() const = 0;
  /// False: the names are the numbers 1, 2, ....
  virtual bool has_names() const { return true; }
  /// The position of a column; ColumnHeader::kNone if there is none. May add a column for a name
  /// that leads into objects ("a.b").
  virtual size_t Find(std::string_view name) { return header().Find(name); }
  /// The position of a column. Throws DataError, with the names of all columns, if there is none.
  virtual size_t RequireColumn(std::string_view name) { return header().Require(name); }
  /// The texts of a column in the first rows that have it, for guesses. Call this before Next().
  virtual std::vector<std::string> FirstValues(size_t column) = 0;

  /// True for a column of dates or timestamps: its texts are seconds since 1970.
  virtual bool IsTime(size_t /*column*/) const { return false; }
  /// Says, before Next(), that no other columns than these are used. The fields of others may be
  /// "" from now on.
  virtual void Use(const std::vector<size_t>& /*ids*/, const std::vector<size_t>& /*others*/) {}
  /// RawEvent::user_code for the text of an id column in this row.
  virtual uint32_t CodeOf(size_t /*column*/) const { return RawEvent::kNoCode; }

  /// The lines so far that a quoted field has joined to the line before them.
  virtual int64_t joined_line_count() const { return 0; }
  /// The format of a log of this kind: "csv", "jsonl", "parquet".
  virtual std::string_view format() const = 0;
  /// For people: how the table is read.
  virtual std::string Described() const = 0;
};

/// The number of rows that a guess looks at.
inline constexpr size_t kRowsLookedAt = 100;

/// Opens a table. Its content tells its kind, not its name; a folder holds parts of Parquet.
/// `wanted` is the format that it must have; "": any. Throws DataError when the file is empty, of a
/// kind that holds no table, or of another format (the message names it), UsageError when the
/// options do not fit, and the errors of TextInput. `bad_rows` outlives the table.
std::unique_ptr<Table> OpenTable(const std::string& path, const ColumnOptions& options,
                                 BadRows* bad_rows, std::string_view wanted = "");

}  // namespace hearth

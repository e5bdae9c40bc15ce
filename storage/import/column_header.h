#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth {

/// The names and types of the columns of a table. In the header line of delimited text a known type
/// stands behind the last ':' of a field ("name:token", RecBole style). Any other ':' belongs to
/// the name.
class ColumnHeader {
 public:
  static constexpr size_t kNone = std::numeric_limits<size_t>::max();

  /// Throws DataError (naming `path`) on a repeated name. If `typed`, every field needs a known
  /// type; a field without one throws DataError too.
  ColumnHeader(const std::string& path, const std::vector<std::string_view>& fields, bool typed);

  /// A header without columns.
  explicit ColumnHeader(std::string path) : path_(std::move(path)) {}

  /// Adds a column. Its name is new.
  void Add(std::string_view name);
  /// Removes the columns from `size` on.
  void Truncate(size_t size);
  void SetType(size_t column, std::string_view type) { types_[column] = type; }

  size_t size() const { return names_.size(); }
  const std::string& name(size_t column) const { return names_[column]; }
  /// "token", "token_seq", "float" or "float_seq"; "" if the column has no type.
  const std::string& type(size_t column) const { return types_[column]; }

  /// Position of the column with this name, or kNone.
  size_t Find(std::string_view name) const;
  /// Position of the column with this name; if there is none, `name` is read as a number from 1.
  /// Throws DataError, with the names of all columns, when neither gives a column.
  size_t Require(std::string_view name) const;

 private:
  std::string path_;
  std::vector<std::string> names_, types_;
};

/// Position of the column with the number `number` ("1", "2", ...). ColumnHeader::kNone if the text
/// is no number >= 1.
size_t ColumnNumber(std::string_view number);

}  // namespace hearth

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

/// The header line of a delimited file: names, each with the type behind its ':' where it has one
/// that is known ("name:token", RecBole style); in other headers a ':' belongs to the name.
class ColumnHeader {
 public:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  /// Throws DataError (naming `path`) on a repeated name, and on a name without a known type when
  /// `typed`.
  ColumnHeader(const std::string& path, const std::vector<std::string_view>& fields, bool typed);

  size_t size() const { return names_.size(); }
  const std::string& name(size_t column) const { return names_[column]; }
  /// "token", "token_seq", "float", "float_seq", or "" = untyped.
  const std::string& type(size_t column) const { return types_[column]; }

  /// Position of a column, or kNone.
  size_t Find(std::string_view name) const;
  /// Position of a column by name, else by number from 1. Throws DataError listing the names.
  size_t Require(std::string_view name) const;

 private:
  std::string path_;
  std::vector<std::string> names_, types_;
};

/// Position of column number `number` ("1", "2", ...); ColumnHeader::kNone when it is no number.
size_t ColumnNumber(std::string_view number);

}  // namespace hearth

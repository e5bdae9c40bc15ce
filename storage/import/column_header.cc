#include "storage/import/column_header.h"

#include <algorithm>

#include "common/error.h"
#include "common/text.h"

namespace hearth {
namespace {

constexpr std::string_view kTypes[] = {"token", "token_seq", "float", "float_seq"};

}  // namespace

ColumnHeader::ColumnHeader(const std::string& path, const std::vector<std::string_view>& fields,
                           bool typed)
    : path_(path) {
  for (const std::string_view field : fields) {
    std::string_view name = Trim(field);
    std::string_view type;
    const size_t colon = name.rfind(':');
    if (colon != std::string_view::npos && std::find(std::begin(kTypes), std::end(kTypes),
                                                     name.substr(colon + 1)) != std::end(kTypes)) {
      type = name.substr(colon + 1);
      name = name.substr(0, colon);
    } else if (typed) {
      throw DataError(
          "{}:1: header field '{}' is not name:type with type token, token_seq, float or float_seq",
          path, name);
    }
    if (Find(name) != kNone) throw DataError("{}:1: column '{}' occurs twice", path, name);
    names_.emplace_back(name);
    types_.emplace_back(type);
  }
}

void ColumnHeader::Add(std::string_view name) {
  names_.emplace_back(name);
  types_.emplace_back();
}

void ColumnHeader::Truncate(size_t size) {
  names_.resize(size);
  types_.resize(size);
}

size_t ColumnHeader::Find(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) return kNone;
  return found - names_.begin();
}

size_t ColumnHeader::Require(std::string_view name) const {
  const size_t column = Find(name);
  if (column != kNone) return column;
  const size_t number = ColumnNumber(name);
  if (number < size()) return number;
  throw DataError("{}:1: there is no column '{}'{}; the columns are {}", path_, name,
                  DidYouMean(name, names_), Join(names_, ", "));
}

size_t ColumnNumber(std::string_view number) {
  int64_t value = 0;
  if (!ParseInt64(number, &value) || value < 1) return ColumnHeader::kNone;
  return value - 1;
}

}  // namespace hearth

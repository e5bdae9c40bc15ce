#pragma once

#include <string>
#include <vector>

namespace hearth {

/// One member of a JSON object {"id": [value, ...], ...}.
struct JsonList {
  std::string id;
  std::vector<std::string> values;  ///< strings and numbers, as text
};

/// Reads an object of lists, in file order. Throws DataError with the file and the line and column
/// of the first text that does not fit, or with the file and an id that occurs twice.
std::vector<JsonList> ReadJsonLists(const std::string& path);

}  // namespace hearth

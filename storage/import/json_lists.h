#pragma once

#include <string>
#include <vector>

namespace hearth {

/// One member of a JSON object {"id": [value, ...], ...}.
struct JsonList {
  std::string id;
  std::vector<std::string> values;  ///< strings and numbers, as text
};

/// Reads an object of lists, in file order. Throws DataError naming the file, the line and column
/// where it is no such object, or the id that occurs twice.
std::vector<JsonList> ReadJsonLists(const std::string& path);

}  // namespace hearth

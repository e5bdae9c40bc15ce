#include "common/utf8.h"

#include <utf8cpp/utf8.h>

namespace hearth {

size_t FirstInvalidUtf8(std::string_view text) {
  const auto invalid = utf8::find_invalid(text.begin(), text.end());
  if (invalid == text.end()) return std::string_view::npos;
  return static_cast<size_t>(invalid - text.begin());
}

std::string Latin1ToUtf8(std::string_view text) {
  std::string converted(2 * text.size(), '\0');  // no byte becomes more than two
  char* end = converted.data();
  for (const char c : text) end = utf8::append(static_cast<unsigned char>(c), end);
  converted.resize(static_cast<size_t>(end - converted.data()));
  return converted;
}

}  // namespace hearth

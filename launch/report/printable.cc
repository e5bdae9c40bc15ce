#include "launch/report/printable.h"

#include <algorithm>

namespace hearth {

std::string Printable(std::string text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  std::ranges::replace_if(text, is_control, '?');
  return text;
}

}  // namespace hearth

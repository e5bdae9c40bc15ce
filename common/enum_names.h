#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "common/text.h"

namespace hearth {

/// The enumerator whose number is the place of `name` in `names`. Throws ErrorClass, which names
/// the nearest and all legal names, when there is none; `what`: "split" in "unknown split 'x'".
template <typename Enum, typename ErrorClass, size_t kCount>
Enum ParseEnum(std::string_view what, std::string_view name,
               const std::array<std::string_view, kCount>& names) {
  for (size_t i = 0; i < kCount; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  const std::vector<std::string> legal(names.begin(), names.end());
  throw ErrorClass("unknown {} '{}'{}: legal are {}", what, name, DidYouMean(name, legal),
                   Join(legal, ", "));
}

/// The place of an enumerator in `names`.
template <typename Enum, size_t kCount>
std::string_view NameOfEnum(const std::array<std::string_view, kCount>& names, Enum value) {
  return names[static_cast<size_t>(value)];
}

}  // namespace hearth

#pragma once

#include <type_traits>

namespace hearth {

/// Returns the number of an enumerator (std::to_underlying of C++23).
template <typename Enum>
constexpr std::underlying_type_t<Enum> ToUnderlying(Enum value) {
  return static_cast<std::underlying_type_t<Enum>>(value);
}

}  // namespace hearth

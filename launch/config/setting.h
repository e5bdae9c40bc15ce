#pragma once

#include <string>
#include <vector>

#include "launch/config/place.h"

namespace hearth {

/// A value as written, before it is known what it is for.
struct RawValue {
  enum class Kind {
    kEmpty,  ///< `key:` with nothing behind it, or `null`
    kScalar,
    kList,     ///< of scalars
    kSection,  ///< a map: its members follow as settings of their own
  };

  Kind kind = Kind::kScalar;
  std::string text;             ///< kScalar: the text, quotes removed
  bool quoted = false;          ///< kScalar: written in quotes, hence a string
  std::vector<RawValue> items;  ///< kList
  Place place;
};

/// One `key: value`. Keys are dotted paths from the top: "meta.inner_steps".
struct Setting {
  std::string key;
  Place key_place;
  RawValue value;
};

}  // namespace hearth

#pragma once

#include <string>
#include <vector>

#include "launch/config/place.h"

namespace hearth {

/// The text of a value, as the user wrote it. The reader of its key turns it into a typed value.
struct RawValue {
  enum class Kind {
    kEmpty,  ///< `key:` without a value, or `null`
    kScalar,
    kList,     ///< a list of scalars
    kSection,  ///< a map; each of its members follows as a separate Setting
  };

  Kind kind = Kind::kScalar;
  std::string text;             ///< kScalar: the text without its quotes
  bool quoted = false;          ///< kScalar: the text was in quotes, so it is a string
  std::vector<RawValue> items;  ///< kList: the elements
  Place place;
};

/// One `key: value`. The key is the dotted path from the top: "meta.inner_steps".
struct Setting {
  std::string key;
  Place key_place;
  RawValue value;
};

}  // namespace hearth

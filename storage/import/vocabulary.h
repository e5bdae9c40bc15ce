#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/hash.h"

namespace hearth {

/// Texts numbered 0, 1, 2, ... in order of first appearance. Moves but does not copy: the keys of a
/// copy would point into the original.
class Vocabulary {
 public:
  Vocabulary() = default;
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  /// Number of `text`, given one when it is new.
  uint32_t Intern(std::string_view text);
  /// Number of `text`, or -1.
  int64_t Find(std::string_view text) const;
  int64_t size() const { return static_cast<int64_t>(texts_.size()); }
  const std::string& operator[](int64_t number) const {
    return texts_[static_cast<size_t>(number)];
  }

 private:
  struct Hash {
    size_t operator()(std::string_view text) const { return Xxh3(text.data(), text.size()); }
  };

  std::deque<std::string> texts_;  // keys of numbers_ point into it
  std::unordered_map<std::string_view, uint32_t, Hash> numbers_;
};

}  // namespace hearth

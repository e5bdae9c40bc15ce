#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/hash.h"

namespace hearth {

/// Texts with the numbers 0, 1, 2, ... in order of first appearance. A vocabulary moves but does
/// not copy, because the keys of a copy would point into the original.
class Vocabulary {
 public:
  Vocabulary() = default;
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  /// Number of `text`. A new text gets the next number.
  uint32_t Intern(std::string_view text);
  /// Number of `text`, or -1.
  int64_t Find(std::string_view text) const;
  int64_t size() const { return std::ssize(texts_); }
  const std::string& operator[](int64_t number) const { return texts_[number]; }

 private:
  struct Hash {
    size_t operator()(std::string_view text) const { return Xxh3(text.data(), text.size()); }
  };

  std::deque<std::string> texts_;  // keys of numbers_ point into it
  std::unordered_map<std::string_view, uint32_t, Hash> numbers_;
};

}  // namespace hearth

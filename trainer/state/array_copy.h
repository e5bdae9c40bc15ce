#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "storage/checkpoint/array.h"

namespace hearth {

/// Memory that holds the data of arrays while their owner changes it. Every use takes the same
/// memory again; it grows to the largest one.
class ArrayCopy {
 public:
  /// The bytes that a copy of `arrays` takes; each array begins a cache line.
  static int64_t BytesFor(const std::vector<NamedArray>& arrays);
  /// Copies the data of `arrays` and lets them point to the copy, which the next call overwrites.
  void Hold(std::vector<NamedArray>& arrays);

 private:
  std::unique_ptr<std::byte[]> memory_;
  int64_t capacity_bytes_ = 0;
};

}  // namespace hearth

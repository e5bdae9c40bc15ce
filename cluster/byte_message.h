#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "common/error.h"

namespace hearth {

/// Writes lists of numbers of several types, one after the other, for one call of AllToAll.
class MessageWriter {
 public:
  template <typename T>
  void Append(std::span<const T> values) {
    const auto* begin = reinterpret_cast<const uint8_t*>(values.data());
    bytes_.insert(bytes_.end(), begin, begin + values.size_bytes());
  }
  template <typename T>
  void AppendValue(T value) {
    Append(std::span<const T>(&value, 1));
  }
  /// Makes room for `count` numbers. The caller fills it through memcpy, as it is not aligned.
  template <typename T>
  uint8_t* Extend(int64_t count) {
    const size_t begin = bytes_.size();
    bytes_.resize(begin + count * sizeof(T));
    return bytes_.data() + begin;
  }
  /// Ends the message to one receiver and appends its size in bytes to sizes().
  void EndReceiver() {
    sizes_.push_back(std::ssize(bytes_) - done_);
    done_ = std::ssize(bytes_);
  }

  std::span<const uint8_t> bytes() const { return bytes_; }
  const std::vector<int64_t>& sizes() const { return sizes_; }

 private:
  std::vector<uint8_t> bytes_;
  std::vector<int64_t> sizes_;  // [receiver]
  int64_t done_ = 0;
};

/// Reads numbers back in the order MessageWriter wrote them. A message that is too short is a bug.
class MessageReader {
 public:
  explicit MessageReader(std::span<const uint8_t> bytes) : rest_(bytes) {}

  template <typename T>
  void Read(std::span<T> out) {
    HEARTH_CHECK(out.size_bytes() <= rest_.size(), "{} bytes of {}", out.size_bytes(),
                 rest_.size());
    if (!out.empty()) std::memcpy(out.data(), rest_.data(), out.size_bytes());
    rest_ = rest_.subspan(out.size_bytes());
  }
  template <typename T>
  T ReadValue() {
    T value;
    Read(std::span<T>(&value, 1));
    return value;
  }
  template <typename T>
  std::vector<T> ReadList(int64_t count) {
    std::vector<T> values(count);
    Read(std::span<T>(values));
    return values;
  }
  bool empty() const { return rest_.empty(); }

 private:
  std::span<const uint8_t> rest_;
};

}  // namespace hearth

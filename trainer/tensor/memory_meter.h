#pragma once

#include <cstdint>
#include <memory>

namespace hearth {

/// While one lives, counts the bytes that tensors on the CPU hold, of all threads. At most one at a
/// time. Tensors that were made before count for nothing; those made meanwhile may outlive it.
class MemoryMeter {
 public:
  MemoryMeter();
  ~MemoryMeter();
  MemoryMeter(const MemoryMeter&) = delete;
  MemoryMeter& operator=(const MemoryMeter&) = delete;

  /// The most bytes that were held at the same time, since the start or the last Reset.
  int64_t peak_bytes() const;
  void ResetPeak();

 private:
  class CountingAllocator;
  std::unique_ptr<CountingAllocator> allocator_;
};

}  // namespace hearth

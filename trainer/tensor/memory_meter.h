#pragma once

#include <cstdint>
#include <memory>

namespace hearth {

/// Counts the bytes that tensors on the CPU hold, over all threads, while the meter lives. At most
/// one meter may live at a time. Tensors made earlier are not counted. Tensors made during its life
/// may outlive the meter.
class MemoryMeter {
 public:
  MemoryMeter();
  ~MemoryMeter();
  MemoryMeter(const MemoryMeter&) = delete;
  MemoryMeter& operator=(const MemoryMeter&) = delete;

  /// The most bytes held at the same time since the start or the last ResetPeak.
  int64_t peak_bytes() const;
  void ResetPeak();

 private:
  class CountingAllocator;
  std::unique_ptr<CountingAllocator> allocator_;
};

}  // namespace hearth

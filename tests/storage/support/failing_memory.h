#pragma once

#include <cstdint>

namespace hearth {

/// While it lives, `operator new` throws std::bad_alloc in this process: at its `nth` call (from
/// 0), or from there on. Calls of all threads count, and in a child that is forked meanwhile. One
/// at a time. Only test binaries that link failing_memory.cc have it.
class FailingMemory {
 public:
  enum class Until { kNextCall, kEnd };

  /// With a negative `nth` none fails, calls are only counted.
  FailingMemory(int64_t nth, Until until);
  ~FailingMemory();
  FailingMemory(const FailingMemory&) = delete;
  FailingMemory& operator=(const FailingMemory&) = delete;

  /// Calls so far.
  static int64_t count();
};

}  // namespace hearth

#pragma once

#include <cstdint>

namespace hearth {

/// While an object of this class lives, `operator new` throws std::bad_alloc in this process: at
/// its `nth` call (counted from 0), or from that call on. Calls of all threads count, also in a
/// child forked in that time. One object may live at a time. Test binaries have the class if they
/// link failing_memory.cc.
class FailingMemory {
 public:
  enum class Until { kNextCall, kEnd };

  /// If `nth` is negative, no call fails and the calls are counted.
  FailingMemory(int64_t nth, Until until);
  ~FailingMemory();
  FailingMemory(const FailingMemory&) = delete;
  FailingMemory& operator=(const FailingMemory&) = delete;

  /// The number of calls so far.
  static int64_t count();
};

}  // namespace hearth

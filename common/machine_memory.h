#pragma once

#include <cstdint>

namespace hearth {

/// The memory of this machine, in bytes.
struct MachineMemory {
  int64_t total = 0;
  int64_t available = 0;  ///< available without swapping; includes the file cache
};

/// Asks the kernel for the present numbers; a number the kernel does not tell stays 0.
MachineMemory ReadMachineMemory();

}  // namespace hearth

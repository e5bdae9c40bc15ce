#pragma once

#include <cstdint>

namespace hearth {

/// Memory of this machine, bytes.
struct MachineMemory {
  int64_t total = 0;
  int64_t available = 0;  ///< what can be had without swapping, file cache included
};

/// As the kernel tells now; zeros where it does not.
MachineMemory ReadMachineMemory();

}  // namespace hearth

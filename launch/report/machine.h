#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hearth {

/// One thing `hearth doctor` looked at.
struct Finding {
  std::string topic;  ///< "memory"
  std::string text;   ///< "15.2 GB, 9.8 GB available"
  std::string hint;   ///< what to do, or empty
};

/// The model of the processor, as the kernel names it.
std::string ProcessorName();
/// GPUs that this build can use on this machine.
int64_t UsableGpuCount();

/// Looks at the CPU, memory, GPUs, the file system of the working directory and process limits.
/// Never throws: what cannot be found out is said so.
std::vector<Finding> ExamineMachine();

}  // namespace hearth

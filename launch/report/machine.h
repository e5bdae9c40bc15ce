#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hearth {

/// One result of `hearth doctor`.
struct Finding {
  std::string topic;  ///< "memory"
  std::string text;   ///< "15.2 GB, 9.8 GB available"
  std::string hint;   ///< tells the user how to correct a problem; empty if there is none
};

/// Returns the model of the processor, as the kernel names it.
std::string ProcessorName();
/// Counts the GPUs that this build can use on this machine.
int64_t UsableGpuCount();

/// Examines the CPU, memory, GPUs, the file system of the working directory and process limits.
/// Never throws: a finding says so if something cannot be found out.
std::vector<Finding> ExamineMachine();

}  // namespace hearth

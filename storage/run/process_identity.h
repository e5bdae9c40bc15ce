#pragma once

#include <cstdint>
#include <string>

namespace hearth {

/// Identifies one process among all that ever ran on any host. The kernel reuses process numbers,
/// but never a start time or a boot id.
struct ProcessIdentity {
  std::string host;           ///< the host's name for itself, for people
  std::string boot_id;        ///< of the running kernel; empty if it cannot be read
  std::string pid_namespace;  ///< of `pid`; the containers of a host may have one each
  int64_t pid = 0;
  int64_t start_ticks = 0;  ///< clock ticks from boot to the start of the process
  bool operator==(const ProcessIdentity&) const = default;
};

ProcessIdentity ThisProcess();

/// True when the process has certainly ended: it ran under this kernel and in this PID namespace,
/// and no process, or another one, has its number now. False when that cannot be known.
bool IsGone(const ProcessIdentity& process);

}  // namespace hearth

#pragma once

#include <cstdint>
#include <string>

namespace hearth {

/// One process among all that ever ran on any host: numbers of processes are used again, start
/// times and boots are not.
struct ProcessIdentity {
  std::string host;           ///< its own name for itself, for people
  std::string boot_id;        ///< of the running kernel; empty where it cannot be read
  std::string pid_namespace;  ///< in which `pid` counts; containers of one host have several
  int64_t pid = 0;
  int64_t start_ticks = 0;  ///< clock ticks from boot to the start of the process
  bool operator==(const ProcessIdentity&) const = default;
};

ProcessIdentity ThisProcess();

/// Whether the process certainly no longer runs: it ran under this kernel, its number is visible
/// from here, and nobody or somebody else has it now. False wherever that cannot be known.
bool IsGone(const ProcessIdentity& process);

}  // namespace hearth

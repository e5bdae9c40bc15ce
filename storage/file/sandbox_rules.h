#pragma once

#include <cstdint>

namespace hearth {

/// Gives up, for good, what this process does not need for parsing files that it has open
/// (RunInSandbox): memory beyond `memory_bytes` more than now, processor time beyond `cpu_seconds`,
/// core dumps, writing files, sockets (those it has are closed, as are devices), new programs and
/// processes, new privileges. Crashes end the
/// process by their signal. Throws StorageError when a limit cannot be set.
void EnterSandbox(int64_t memory_bytes, int64_t cpu_seconds);

}  // namespace hearth

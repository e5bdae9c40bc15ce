#pragma once

#include <cstdint>

namespace hearth {

/// Gives up, for good, all rights that parsing files does not need (RunInSandbox): memory beyond
/// `memory_bytes` more than now, processor time beyond `cpu_seconds`, core dumps, writing files,
/// sockets, new programs and processes, new privileges. Closes sockets and devices that are open.
/// A crash ends the process by its signal. Throws StorageError when a limit cannot be set.
void EnterSandbox(int64_t memory_bytes, int64_t cpu_seconds);

}  // namespace hearth

#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace hearth {

struct SandboxLimits {
  int64_t memory_bytes = int64_t{1} << 30;  ///< on top of this process's memory at the start
  int64_t seconds_per_item = 10;            ///< of wall time, and of the processor
};

/// Runs work(0), work(1), ... work(item_count - 1) in a child process that can do no harm, to test
/// if a parser survives a file from a stranger. The child may read files. It cannot create or
/// change a file, open a socket, start a program or a process, dump a core, or take more memory and
/// time than the limits. It ends when this process ends.
///
/// An exception of `work` is thrown here with the same message, as DataError, StorageError or
/// PermissionError. When the child dies or reaches a limit, this function throws DataError:
/// "NAME_OF(i) cannot be read safely: " and the reason. Changes that `work` makes to memory are
/// lost. Other threads may use HDF5 during the call.
void RunInSandbox(int64_t item_count, const SandboxLimits& limits,
                  const std::function<std::string(int64_t)>& name_of,
                  const std::function<void(int64_t)>& work);

}  // namespace hearth

#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace hearth {

struct SandboxLimits {
  int64_t memory_bytes = int64_t{1} << 30;  ///< beyond what this process has now
  int64_t seconds_per_item = 10;            ///< of wall time, and of the processor
};

/// Runs work(0), work(1), ... work(item_count - 1) in a child process that can do no harm, to find
/// out whether a parser survives a file from a stranger. The child may read the files it is given;
/// it cannot make files or change any, open a socket, start a program or a process, dump a core, or
/// take more memory and time than the limits, and ends with this process.
///
/// Throws what `work` threw, as DataError, StorageError or PermissionError with the same message.
/// When the child dies or reaches a limit, throws DataError: "NAME_OF(i) cannot be read safely: "
/// and what happened. Nothing that `work` did to memory is seen here. May be called while other
/// threads use HDF5.
void RunInSandbox(int64_t item_count, const SandboxLimits& limits,
                  const std::function<std::string(int64_t)>& name_of,
                  const std::function<void(int64_t)>& work);

}  // namespace hearth

#pragma once

namespace hearth {

/// Which communicator is asked for (config key dist.comm).
enum class CommunicatorKind {
  kAuto,  ///< NCCL between ranks that have a GPU each, else as kMpi
  kNccl,  ///< NCCL, or an error
  kMpi,   ///< through host memory: MPI, or nothing at all where one process runs on its own
};

}  // namespace hearth

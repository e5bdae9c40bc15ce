#pragma once

namespace hearth {

/// The kind of communicator asked for (config key dist.comm).
enum class CommunicatorKind {
  kAuto,  ///< NCCL if each rank has its own GPU, else kMpi
  kNccl,  ///< NCCL, or an error
  kMpi,   ///< through host memory: MPI, or nothing for a single process
};

}  // namespace hearth

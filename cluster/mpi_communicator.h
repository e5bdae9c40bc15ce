#pragma once

#include <cstdint>
#include <memory>

#include "cluster/communicator.h"

namespace hearth {

struct MpiCommunicatorOptions {
  CommunicatorOptions base = {};
  /// Large sums are reduced in place, in blocks of this size in bytes: each block stays in cache.
  int64_t bucket_bytes = int64_t{4} << 20;
  /// A block of at least this many bytes per rank is cut into slices, and each rank reduces one
  /// slice. MPI reduces a smaller block, since it then needs fewer messages.
  int64_t part_bytes = int64_t{32} << 10;
  /// The longest single message, in bytes: MPI counts are 32-bit.
  int64_t message_bytes = int64_t{1} << 30;
};

/// Makes a communicator over all ranks of MPI_COMM_WORLD with a message space of its own. It runs
/// every operation as a non-blocking one and polls it until the deadline. MPI must be initialised
/// (see mpi_session.h) and outlive the communicator.
/// Collective: all ranks must call.
std::unique_ptr<Communicator> MakeMpiCommunicator(const MpiCommunicatorOptions& options = {});

}  // namespace hearth

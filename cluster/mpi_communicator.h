#pragma once

#include <cstdint>
#include <memory>

#include "cluster/communicator.h"

namespace hearth {

struct MpiCommunicatorOptions {
  CommunicatorOptions base = {};
  /// Large sums are reduced in place in pieces of this size, in bytes: each piece stays in cache.
  int64_t bucket_bytes = int64_t{4} << 20;
  /// A piece of at least this many bytes for each rank is reduced by parts, one by each rank; a
  /// smaller one by MPI, which then takes fewer messages.
  int64_t part_bytes = int64_t{32} << 10;
  /// No single message is longer, in bytes: MPI counts are 32-bit.
  int64_t message_bytes = int64_t{1} << 30;
};

/// A communicator over all ranks of MPI_COMM_WORLD, with message space of its own. Every operation
/// is non-blocking underneath and polled against the deadline. MPI must be initialised (see
/// mpi_session.h) and outlive the communicator.
/// Collective: all ranks must call.
std::unique_ptr<Communicator> MakeMpiCommunicator(const MpiCommunicatorOptions& options = {});

}  // namespace hearth

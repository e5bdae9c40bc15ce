#pragma once

#include <cstdint>
#include <memory>

#include "cluster/communicator.h"
#include "cluster/nccl_api.h"
#include "cluster/poll_wait.h"

namespace hearth {

struct NcclCommunicatorOptions {
  CommunicatorOptions base = {};
  /// Host data goes through device memory in pieces of at most this size, in bytes, >= 16; the same
  /// on all ranks. Exchanges between all pairs of ranks use up to twice as much.
  int64_t staging_bytes = int64_t{64} << 20;
  /// Must outlive the communicator.
  const PollClock* clock = &SteadyPollClock();
};

/// A communicator of ranks with a GPU each. Data may lie in host memory, which is staged through
/// the device, or in device memory, which goes to NCCL as it is; that of one AllReduce or Broadcast
/// lies in the same kind of memory on all ranks. Device memory may still be written by work on the
/// default stream, which is waited for on the device.
///
/// `host`, a communicator over the same ranks, brings the ranks together and carries the sizes of
/// exchanges. Past the deadline, or when NCCL reports a peer lost, NCCL's work is ended and every
/// later operation is refused. Memory that a stuck device may still use is not freed.
///
/// Throws CommError when two ranks share a device or when NCCL cannot bring the ranks together
/// before the deadline. Collective: all ranks must call, and destroy the communicator together.
std::unique_ptr<Communicator> MakeNcclCommunicator(std::unique_ptr<Communicator> host,
                                                   std::unique_ptr<NcclApi> api,
                                                   const NcclCommunicatorOptions& options = {});

}  // namespace hearth

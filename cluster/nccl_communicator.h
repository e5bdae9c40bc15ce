#pragma once

#include <cstdint>
#include <memory>

#include "cluster/communicator.h"
#include "cluster/nccl_api.h"
#include "cluster/poll_wait.h"

namespace hearth {

struct NcclCommunicatorOptions {
  CommunicatorOptions base = {};
  /// Host data goes through device memory in blocks of at most this size, in bytes, >= 16; the size
  /// must be the same on all ranks. Exchanges between all pairs of ranks use up to twice as much.
  int64_t staging_bytes = int64_t{64} << 20;
  /// Must outlive the communicator.
  const PollClock* clock = &SteadyPollClock();
};

/// Makes a communicator of ranks with a GPU each. Data may lie in host memory or in device memory.
/// Host data is staged through the device; device data goes to NCCL directly. The data of one
/// AllReduce or Broadcast lies in the same kind of memory on all ranks. Work on the default stream
/// may still be writing device data: the device waits for that work.
///
/// `host`, a communicator over the same ranks, brings the ranks together and carries the sizes of
/// exchanges. If the deadline passes or NCCL reports a lost peer, NCCL's work is aborted and every
/// later operation is refused. Memory that a stuck device may still use is not freed.
///
/// Throws CommError when two ranks share a device or when NCCL cannot bring the ranks together
/// before the deadline. Collective: all ranks must call, and destroy the communicator together.
std::unique_ptr<Communicator> MakeNcclCommunicator(std::unique_ptr<Communicator> host,
                                                   std::unique_ptr<NcclApi> api,
                                                   const NcclCommunicatorOptions& options = {});

}  // namespace hearth

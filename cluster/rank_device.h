#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cluster/communicator.h"

namespace hearth {

/// The host and the GPU that one rank computes on.
struct RankDevice {
  std::string host;
  std::string uuid;  ///< of the GPU; empty on the CPU
};

/// Returns the devices of all ranks, in rank order. `uuid`: this rank's GPU, "" on the CPU.
/// Collective: all ranks must call.
std::vector<RankDevice> GatherRankDevices(Communicator& communicator, const std::string& uuid);

/// Two ranks that compute on one GPU. NCCL cannot serve them.
struct SharedDevice {
  int first = 0, second = 0;
  std::string message;  ///< names the ranks, their hosts, the GPU and the remedy
};

/// Returns the first two ranks that share a GPU, if any.
std::optional<SharedDevice> FindSharedDevice(const std::vector<RankDevice>& ranks);

}  // namespace hearth

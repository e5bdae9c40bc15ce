#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cluster/communicator.h"

namespace hearth {

/// Where one rank computes.
struct RankDevice {
  std::string host;
  std::string uuid;  ///< of its GPU; empty on the CPU
};

/// This rank's GPU ("" on the CPU) and those of all others, in rank order.
/// Collective: all ranks must call.
std::vector<RankDevice> GatherRankDevices(Communicator& communicator, const std::string& uuid);

/// Two ranks that compute on one GPU, which NCCL cannot serve.
struct SharedDevice {
  int first = 0, second = 0;
  std::string message;  ///< names the ranks, their hosts, the GPU and the remedy
};

/// The first two such ranks, if there are any.
std::optional<SharedDevice> FindSharedDevice(const std::vector<RankDevice>& ranks);

}  // namespace hearth

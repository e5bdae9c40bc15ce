#include "cluster/rank_device.h"

#include <map>

#include <fmt/format.h>

#include "common/host_name.h"

namespace hearth {

std::vector<RankDevice> GatherRankDevices(Communicator& communicator, const std::string& uuid) {
  const std::vector<std::string> hosts = AllGatherText(communicator, HostName());
  const std::vector<std::string> uuids = AllGatherText(communicator, uuid);
  std::vector<RankDevice> ranks;
  for (size_t rank = 0; rank < hosts.size(); ++rank) ranks.push_back({hosts[rank], uuids[rank]});
  return ranks;
}

std::optional<SharedDevice> FindSharedDevice(const std::vector<RankDevice>& ranks) {
  std::map<std::string, int> rank_of;
  for (int rank = 0; rank < std::ssize(ranks); ++rank) {
    const auto& [host, uuid] = ranks[rank];
    if (uuid.empty()) continue;
    const auto [place, is_new] = rank_of.emplace(uuid, rank);
    if (is_new) continue;
    const int first = place->second;
    return SharedDevice{
        first, rank,
        fmt::format("NCCL takes one rank per GPU, but rank {} on {} and rank {} on {} share {}; "
                    "start no more ranks on a host than it has GPUs, or set dist.comm=mpi",
                    first, ranks[first].host, rank, host, uuid)};
  }
  return std::nullopt;
}

}  // namespace hearth

#include "cluster/communicator_choice.h"

#include <utility>

#include "cluster/consensus.h"
#include "cluster/nccl_communicator.h"
#include "cluster/nccl_library.h"
#include "common/error.h"
#include "common/to_underlying.h"

namespace hearth {
namespace {

const char* NameOf(CommunicatorKind kind) {
  switch (kind) {
    case CommunicatorKind::kAuto:
      return "auto";
    case CommunicatorKind::kNccl:
      return "nccl";
    case CommunicatorKind::kMpi:
      return "mpi";
  }
  HEARTH_CHECK(false, "communicator {}", ToUnderlying(kind));
}

// Returns the first rank without a GPU, or nothing.
std::optional<int> FindRankOnCpu(const std::vector<RankDevice>& ranks) {
  for (int rank = 0; rank < std::ssize(ranks); ++rank) {
    if (ranks[rank].uuid.empty()) return rank;
  }
  return std::nullopt;
}

const std::string& HostOf(const CommunicatorFacts& facts, int rank) {
  return facts.ranks[rank].host;
}

CommunicatorChoice RequireNccl(const CommunicatorFacts& facts) {
  if (!facts.nccl_is_built) {
    throw ConfigError(
        "dist.comm=nccl, but this build is the CPU flavour and has no NCCL; set dist.comm=auto or "
        "mpi, or build with 'launch/setup --cuda'");
  }
  if (const auto rank = FindRankOnCpu(facts.ranks)) {
    throw ConfigError(
        "dist.comm=nccl, but rank {} on {} computes on the CPU; set train.device=cuda, or "
        "dist.comm=auto or mpi",
        *rank, HostOf(facts, *rank));
  }
  if (const auto shared = FindSharedDevice(facts.ranks)) throw ConfigError(shared->message);
  return {.nccl = true, .reason = "dist.comm=nccl"};
}

}  // namespace

CommunicatorChoice ChooseCommunicator(const CommunicatorFacts& facts) {
  if (facts.wanted == CommunicatorKind::kMpi) return {.nccl = false, .reason = "dist.comm=mpi"};
  if (facts.wanted == CommunicatorKind::kNccl) return RequireNccl(facts);
  if (facts.ranks.size() == 1) return {.nccl = false, .reason = "one rank has no peers"};
  if (!facts.nccl_is_built) return {.nccl = false, .reason = "this build has no NCCL"};
  if (const auto rank = FindRankOnCpu(facts.ranks)) {
    return {
        .nccl = false,
        .reason = fmt::format("rank {} on {} computes on the CPU", *rank, HostOf(facts, *rank))};
  }
  if (const auto shared = FindSharedDevice(facts.ranks)) {
    return {.nccl = false,
            .reason = fmt::format("ranks {} and {} share a GPU of {}", shared->first,
                                  shared->second, HostOf(facts, shared->first))};
  }
  return {.nccl = true, .reason = "every rank has a GPU of its own"};
}

ChosenCommunicator MakeChosenCommunicator(std::unique_ptr<Communicator> host,
                                          const CommunicatorRequest& request) {
  RequireSameFacts(*host, {{"dist.comm", NameOf(request.wanted)}});
  std::unique_ptr<NcclApi> api;
  std::string uuid;
  if (request.wanted != CommunicatorKind::kMpi && NcclIsBuilt() && request.cuda_device) {
    api = MakeNcclLibrary(*request.cuda_device);
    const NcclStatus status = api->GetDeviceUuid(&uuid);
    if (!status.done()) {
      throw CommError("cuda:{}: {}; dist.comm=mpi does without NCCL", *request.cuda_device,
                      status.text());
    }
  }
  CommunicatorChoice choice = ChooseCommunicator({.wanted = request.wanted,
                                                  .nccl_is_built = NcclIsBuilt(),
                                                  .ranks = GatherRankDevices(*host, uuid)});
  if (choice.nccl) {
    host = MakeNcclCommunicator(std::move(host), std::move(api), {.base = request.options});
  }
  return {.communicator = std::move(host), .reason = std::move(choice.reason)};
}

}  // namespace hearth

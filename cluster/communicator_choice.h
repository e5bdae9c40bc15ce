#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/communicator.h"
#include "cluster/communicator_kind.h"
#include "cluster/rank_device.h"

namespace hearth {

/// The choice of a communicator depends on these facts.
struct CommunicatorFacts {
  CommunicatorKind wanted = CommunicatorKind::kAuto;
  bool nccl_is_built = false;     ///< the build of this rank has NCCL
  std::vector<RankDevice> ranks;  ///< [rank]
};

struct CommunicatorChoice {
  bool nccl = false;   ///< false: the communicator of the host
  std::string reason;  ///< "every rank has a GPU of its own"
};

/// Chooses between NCCL and the host communicator. All ranks choose the same if they know the same
/// ranks, whatever flavour each was built as. Throws ConfigError when NCCL is asked for and cannot
/// serve: this build has none, a rank computes on the CPU, or two ranks share a GPU.
CommunicatorChoice ChooseCommunicator(const CommunicatorFacts& facts);

struct CommunicatorRequest {
  CommunicatorKind wanted = CommunicatorKind::kAuto;
  /// The index of the device this rank computes on; none: the CPU.
  std::optional<int> cuda_device = std::nullopt;
  CommunicatorOptions options = {};
};

struct ChosenCommunicator {
  std::unique_ptr<Communicator> communicator;
  std::string reason;
};

/// Returns `host`, or NCCL on top of it. Throws the errors of ChooseCommunicator and
/// MakeNcclCommunicator, and ConfigError when ranks ask for different kinds. Collective: all ranks
/// must call.
ChosenCommunicator MakeChosenCommunicator(std::unique_ptr<Communicator> host,
                                          const CommunicatorRequest& request);

}  // namespace hearth

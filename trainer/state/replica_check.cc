#include "trainer/state/replica_check.h"

#include <vector>

#include <fmt/ranges.h>

#include "cluster/consensus.h"
#include "common/error.h"
#include "common/hash.h"

namespace hearth {
namespace {

uint64_t HashOf(const at::Tensor& tensor, uint64_t seed) {
  const at::Tensor bytes = tensor.to(at::kCPU).contiguous();
  return Xxh3(bytes.const_data_ptr(), bytes.nbytes(), seed);
}

// The hash of all state that every rank holds: everything but the rows of sharded tables.
uint64_t HashOfReplicas(RunState& state) {
  StateList list;
  state.optimizer.ListState(list);
  for (EmbeddingTable& table : state.parameters.tables) {
    table.ListModel(list);
    table.ListOptimizer(list);
  }
  uint64_t hash = HashOf(state.parameters.dense, 0);
  for (const StateArray& array : list) {
    if (!array.domain.sharded) hash = HashOf(array.values, hash);
  }
  return hash;
}

}  // namespace

void RequireEqualReplicas(RunState& state, Communicator& communicator) {
  if (communicator.world_size() == 1) return;
  const std::vector<int> ranks = RanksWithRareValue(communicator, HashOfReplicas(state));
  if (ranks.empty()) return;
  throw NumericError(
      "after step {}: the parameters of rank {} are not those of most ranks, though all took the "
      "same steps: suspect memory or processor there; nothing was saved, resume from the last "
      "checkpoint on other hardware",
      state.counters.step, fmt::join(ranks, ", "));
}

void RequireEqualRanks(RunState& state, CountingCommunicator& communicator) {
  const std::vector<int> ranks = RanksWithRareCalls(communicator);
  HEARTH_CHECK(ranks.empty(), "step {}: ranks {} made other collective calls than most",
               state.counters.step, fmt::join(ranks, ", "));
  RequireEqualReplicas(state, communicator);
}

}  // namespace hearth

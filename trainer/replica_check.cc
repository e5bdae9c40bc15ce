#include "trainer/replica_check.h"

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/hash.h"
#include "common/text.h"

namespace hearth {
namespace {

uint64_t HashOf(const at::Tensor& tensor, uint64_t seed) {
  if (!tensor.defined()) return seed;
  const at::Tensor bytes = tensor.to(at::kCPU).contiguous();
  return Xxh3(bytes.const_data_ptr(), bytes.nbytes(), seed);
}

uint64_t HashOfReplicas(RunState& state) {
  uint64_t hash = HashOf(state.parameters.dense, 0);
  hash = HashOf(state.optimizer.first_moment(), hash);
  hash = HashOf(state.optimizer.second_moment(), hash);
  for (EmbeddingTable& table : state.parameters.tables) {
    if (table.shape().sharded) continue;
    hash = HashOf(table.rows(), hash);
    hash = HashOf(table.first_moment(), hash);
    hash = HashOf(table.second_moment(), hash);
    hash = HashOf(table.age(), hash);
  }
  return hash;
}

}  // namespace

void RequireEqualReplicas(RunState& state, Communicator& communicator) {
  if (communicator.world_size() == 1) return;
  const std::vector<uint64_t> own = {HashOfReplicas(state)};
  const std::vector<uint64_t> hashes = communicator.AllGather(std::span<const uint64_t>(own));
  std::map<uint64_t, int64_t> counts;
  for (const uint64_t hash : hashes) ++counts[hash];
  if (counts.size() == 1) return;
  const uint64_t common =
      std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; })->first;
  std::vector<std::string> ranks;
  for (size_t rank = 0; rank < hashes.size(); ++rank) {
    if (hashes[rank] != common) ranks.push_back(std::to_string(rank));
  }
  throw NumericError(
      "after step {}: the parameters of rank {} are not those of most ranks, though all took the "
      "same steps: suspect memory or processor there; nothing was saved, resume from the last "
      "checkpoint on other hardware",
      state.counters.step, Join(ranks, ", "));
}

}  // namespace hearth

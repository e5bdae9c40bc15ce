#pragma once

#include <string>
#include <vector>

#include "cluster/communicator.h"

namespace hearth {

/// The communicator of a single process: every operation is the identity.
class SelfCommunicator : public Communicator {
 public:
  int rank() const override { return 0; }
  int world_size() const override { return 1; }
  std::string name() const override { return "self"; }
  void Barrier() override {}

 protected:
  void AllReduceElements(void*, int64_t, ElementType, ReduceOp) override {}
  void BroadcastBytes(std::span<uint8_t> data, int root) override;
  std::vector<int64_t> AllGatherBytes(std::span<const uint8_t> data,
                                      const Allocate& allocate) override;
  std::vector<int64_t> AllToAllBytes(std::span<const uint8_t> send,
                                     std::span<const int64_t> send_sizes_bytes,
                                     const Allocate& allocate) override;
};

}  // namespace hearth

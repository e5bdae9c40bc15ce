#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/communicator.h"

namespace hearth {

/// What the ranks of one ThreadCommunicator world share.
class ThreadGroup;

/// N ranks as threads of one process: collectives in shared memory, sums in rank order, no MPI.
/// Checks what MPI leaves undefined: ranks that call different operations, or the same one with
/// different counts, all get CommError naming both calls.
class ThreadCommunicator : public Communicator {
 public:
  ThreadCommunicator(std::shared_ptr<ThreadGroup> group, int rank);

  int rank() const override { return rank_; }
  int world_size() const override;
  std::string name() const override { return "thread"; }
  void Barrier() override;

 protected:
  void AllReduceElements(void* data, int64_t count, ElementType type, ReduceOp op) override;
  void BroadcastBytes(std::span<uint8_t> data, int root) override;
  std::vector<int64_t> AllGatherBytes(std::span<const uint8_t> data,
                                      const Allocate& allocate) override;
  std::vector<int64_t> AllToAllBytes(std::span<const uint8_t> send,
                                     std::span<const int64_t> send_sizes_bytes,
                                     const Allocate& allocate) override;

 private:
  std::shared_ptr<ThreadGroup> group_;
  int rank_;
};

/// Runs `body` once per rank, each on a thread of its own, and waits for all.
/// When a rank throws, the others get CommError from their current or next operation instead of
/// waiting for it; the exception that came first is thrown again here.
void RunOnThreads(int world_size, const std::function<void(Communicator&)>& body,
                  const CommunicatorOptions& options = {});

}  // namespace hearth

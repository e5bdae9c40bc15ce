#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/communicator.h"

namespace hearth {

/// The state that the ranks of one ThreadCommunicator world share.
class ThreadGroup;

/// A communicator of N ranks that are threads of one process. Collectives use shared memory, not
/// MPI, and add in rank order. Unlike MPI it defines mismatched calls: when ranks call different
/// operations, or one operation with different counts, all get CommError naming both calls.
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

/// Runs `body` once per rank, each on its own thread, and waits for all.
/// When a rank throws, the others get CommError from their current or next operation instead of
/// waiting for it; the exception that came first is thrown again here.
void RunOnThreads(int world_size, const std::function<void(Communicator&)>& body,
                  const CommunicatorOptions& options = {});

}  // namespace hearth

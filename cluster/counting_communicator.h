#pragma once

#include <string>
#include <vector>

#include "cluster/communicator.h"

namespace hearth {

/// Counts one kind of operation on this rank. Bytes are payload to and from *other* ranks, so a
/// single rank counts 0.
///   AllReduce   both: the size of the data (an algorithm moves up to 2 (N-1)/N times as much)
///   Broadcast   sent: the size on the root; received: the size elsewhere
///   AllGather   sent: the data of this rank, once; received: the data of the others
///   AllToAll    sent and received: all data except the data that stays on this rank
struct OperationCount {
  int64_t calls = 0;
  int64_t sent_bytes = 0;
  int64_t received_bytes = 0;
  bool operator==(const OperationCount&) const = default;
  OperationCount& operator+=(const OperationCount& other);
};

/// Counts the volume and the time of another communicator's operations, so that tests can hold
/// goals of volume. It also keeps a hash of the calls, because all ranks must make the same calls.
class CountingCommunicator : public Communicator {
 public:
  /// `inner` must outlive this object.
  explicit CountingCommunicator(Communicator& inner) : inner_(inner) {}

  int rank() const override { return inner_.rank(); }
  int world_size() const override { return inner_.world_size(); }
  std::string name() const override { return inner_.name(); }
  void Barrier() override;

  const OperationCount& all_reduce() const { return all_reduce_; }
  const OperationCount& broadcast() const { return broadcast_; }
  const OperationCount& all_gather() const { return all_gather_; }
  const OperationCount& all_to_all() const { return all_to_all_; }
  const OperationCount& barrier() const { return barrier_; }
  OperationCount total() const;
  /// Returns the time inside operations. It includes the wait for slower ranks.
  double seconds() const { return seconds_; }
  /// Clears counts and time, but not call_hash().
  void Clear();
  /// Hashes all calls so far, in order: the operation, and the arguments that must agree on all
  /// ranks (element counts and types of AllReduce and Broadcast, reduction, root).
  uint64_t call_hash() const { return call_hash_; }

 protected:
  void AllReduceElements(void* data, int64_t count, ElementType type, ReduceOp op) override;
  void BroadcastBytes(std::span<uint8_t> data, int root) override;
  std::vector<int64_t> AllGatherBytes(std::span<const uint8_t> data,
                                      const Allocate& allocate) override;
  std::vector<int64_t> AllToAllBytes(std::span<const uint8_t> send,
                                     std::span<const int64_t> send_sizes_bytes,
                                     const Allocate& allocate) override;

 private:
  enum class Call { kBarrier, kAllReduce, kBroadcast, kAllGather, kAllToAll };
  void NoteCall(Call call, int64_t count = 0, int64_t type = 0, int64_t detail = 0);
  // Runs `operation`, counts its time, tells the watchdog its name, and returns its result.
  template <typename Operation>
  auto Timed(const char* name, const Operation& operation);
  void Count(OperationCount* count, int64_t sent_bytes, int64_t received_bytes) const;
  // Adds up the sizes of all other ranks.
  int64_t SumOfOthers(std::span<const int64_t> sizes) const;

  Communicator& inner_;
  OperationCount all_reduce_, broadcast_, all_gather_, all_to_all_, barrier_;
  double seconds_ = 0.0;
  uint64_t call_hash_ = 0;
};

/// Returns the ranks with a call_hash() other than the most frequent one: their calls fitted
/// together by chance, but were not the same. Collective: all ranks must call; all get the same
/// answer.
std::vector<int> RanksWithRareCalls(CountingCommunicator& communicator);

}  // namespace hearth

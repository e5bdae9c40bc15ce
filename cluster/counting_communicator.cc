#include "cluster/counting_communicator.h"

#include <array>
#include <numeric>

#include "cluster/consensus.h"
#include "common/hash.h"
#include "common/phase.h"
#include "common/stopwatch.h"
#include "common/to_underlying.h"

namespace hearth {

OperationCount& OperationCount::operator+=(const OperationCount& other) {
  calls += other.calls;
  sent_bytes += other.sent_bytes;
  received_bytes += other.received_bytes;
  return *this;
}

template <typename Operation>
auto CountingCommunicator::Timed(const char* name, const Operation& operation) {
  const Stopwatch stopwatch(&seconds_);
  const CollectiveMark mark(name);
  return operation();
}

void CountingCommunicator::NoteCall(Call call, int64_t count, int64_t type, int64_t detail) {
  const std::array<int64_t, 4> facts = {ToUnderlying(call), count, type, detail};
  call_hash_ = Xxh3(facts.data(), sizeof(facts), call_hash_);
}

OperationCount CountingCommunicator::total() const {
  OperationCount sum = all_reduce_;
  for (const OperationCount& count : {broadcast_, all_gather_, all_to_all_, barrier_}) sum += count;
  return sum;
}

void CountingCommunicator::Count(OperationCount* count, int64_t sent_bytes,
                                 int64_t received_bytes) const {
  ++count->calls;
  if (world_size() == 1) return;
  count->sent_bytes += sent_bytes;
  count->received_bytes += received_bytes;
}

int64_t CountingCommunicator::SumOfOthers(std::span<const int64_t> sizes) const {
  return std::reduce(sizes.begin(), sizes.end()) - sizes[rank()];
}

void CountingCommunicator::Clear() {
  all_reduce_ = broadcast_ = all_gather_ = all_to_all_ = barrier_ = {};
  seconds_ = 0.0;
}

void CountingCommunicator::Barrier() {
  NoteCall(Call::kBarrier);
  Timed("Barrier", [&] { return inner_.Barrier(); });
  Count(&barrier_, 0, 0);
}

void CountingCommunicator::AllReduceElements(void* data, int64_t count, ElementType type,
                                             ReduceOp op) {
  NoteCall(Call::kAllReduce, count, ToUnderlying(type), ToUnderlying(op));
  Timed("AllReduce", [&] { return inner_.AllReduceElements(data, count, type, op); });
  const int64_t size = count * SizeBytesOf(type);
  Count(&all_reduce_, size, size);
}

void CountingCommunicator::BroadcastBytes(std::span<uint8_t> data, int root) {
  NoteCall(Call::kBroadcast, std::ssize(data), 0, root);
  Timed("Broadcast", [&] { return inner_.BroadcastBytes(data, root); });
  const int64_t size = std::ssize(data);
  const bool sends = rank() == root;
  Count(&broadcast_, sends ? size : 0, sends ? 0 : size);
}

std::vector<int64_t> CountingCommunicator::AllGatherBytes(std::span<const uint8_t> data,
                                                          const Allocate& allocate) {
  NoteCall(Call::kAllGather);
  std::vector<int64_t> sizes =
      Timed("AllGather", [&] { return inner_.AllGatherBytes(data, allocate); });
  Count(&all_gather_, std::ssize(data), SumOfOthers(sizes));
  return sizes;
}

std::vector<int64_t> CountingCommunicator::AllToAllBytes(std::span<const uint8_t> send,
                                                         std::span<const int64_t> send_sizes_bytes,
                                                         const Allocate& allocate) {
  NoteCall(Call::kAllToAll);
  std::vector<int64_t> sizes =
      Timed("AllToAll", [&] { return inner_.AllToAllBytes(send, send_sizes_bytes, allocate); });
  Count(&all_to_all_, SumOfOthers(send_sizes_bytes), SumOfOthers(sizes));
  return sizes;
}

std::vector<int> RanksWithRareCalls(CountingCommunicator& communicator) {
  return RanksWithRareValue(communicator, communicator.call_hash());
}

}  // namespace hearth

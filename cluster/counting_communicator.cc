#include "cluster/counting_communicator.h"

#include <numeric>

namespace hearth {

void CountingCommunicator::Count(OperationCount* count, int64_t sent_bytes,
                                 int64_t received_bytes) const {
  ++count->calls;
  if (world_size() == 1) return;
  count->sent_bytes += sent_bytes;
  count->received_bytes += received_bytes;
}

int64_t CountingCommunicator::SumOfOthers(std::span<const int64_t> sizes) const {
  return std::reduce(sizes.begin(), sizes.end()) - sizes[static_cast<size_t>(rank())];
}

void CountingCommunicator::Clear() {
  all_reduce_ = broadcast_ = all_gather_ = all_to_all_ = barrier_ = {};
}

void CountingCommunicator::Barrier() {
  inner_.Barrier();
  Count(&barrier_, 0, 0);
}

void CountingCommunicator::AllReduceElements(void* data, int64_t count, ElementType type,
                                             ReduceOp op) {
  inner_.AllReduceElements(data, count, type, op);
  const int64_t size = count * SizeBytesOf(type);
  Count(&all_reduce_, size, size);
}

void CountingCommunicator::BroadcastBytes(std::span<uint8_t> data, int root) {
  inner_.BroadcastBytes(data, root);
  const int64_t size = std::ssize(data);
  Count(&broadcast_, rank() == root ? size : 0, rank() == root ? 0 : size);
}

std::vector<int64_t> CountingCommunicator::AllGatherBytes(std::span<const uint8_t> data,
                                                          const Allocate& allocate) {
  std::vector<int64_t> sizes = inner_.AllGatherBytes(data, allocate);
  Count(&all_gather_, std::ssize(data), SumOfOthers(sizes));
  return sizes;
}

std::vector<int64_t> CountingCommunicator::AllToAllBytes(std::span<const uint8_t> send,
                                                         std::span<const int64_t> send_sizes_bytes,
                                                         const Allocate& allocate) {
  std::vector<int64_t> sizes = inner_.AllToAllBytes(send, send_sizes_bytes, allocate);
  Count(&all_to_all_, SumOfOthers(send_sizes_bytes), SumOfOthers(sizes));
  return sizes;
}

}  // namespace hearth

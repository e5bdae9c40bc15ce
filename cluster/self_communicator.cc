#include "cluster/self_communicator.h"

#include <algorithm>

#include "common/error.h"

namespace hearth {

void SelfCommunicator::BroadcastBytes(std::span<uint8_t>, int root) {
  HEARTH_CHECK(root == 0, "root {} of 1 rank", root);
}

std::vector<int64_t> SelfCommunicator::AllGatherBytes(std::span<const uint8_t> data,
                                                      const Allocate& allocate) {
  // GCC 12 compiles std::ranges::copy to a loop over bytes, so this is std::copy_n.
  std::copy_n(data.data(), data.size(), allocate(std::ssize(data)));
  return {std::ssize(data)};
}

std::vector<int64_t> SelfCommunicator::AllToAllBytes(std::span<const uint8_t> send,
                                                     std::span<const int64_t> send_sizes_bytes,
                                                     const Allocate& allocate) {
  HEARTH_CHECK(send_sizes_bytes.size() == 1 && send_sizes_bytes[0] == std::ssize(send),
               "{} bytes to send to 1 rank", send.size());
  return AllGatherBytes(send, allocate);
}

}  // namespace hearth

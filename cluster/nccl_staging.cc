#include "cluster/nccl_staging.h"

#include <algorithm>
#include <bit>

namespace hearth {

NcclStatus NcclStaging::Reserve(int64_t size_bytes) {
  if (size_bytes <= size_bytes_) return NcclStatus::Done();
  Free();
  constexpr uint64_t kSmallest = 4096;
  const auto size =
      static_cast<int64_t>(std::bit_ceil(std::max(kSmallest, static_cast<uint64_t>(size_bytes))));
  NcclStatus status = api_.AllocatePinned(size, &pinned_);
  if (status.done()) status = api_.AllocateDevice(size, &device_);
  if (status.done()) size_bytes_ = size;
  return status;
}

NcclStatus NcclStaging::Upload(int64_t begin, int64_t end) {
  if (begin == end) return NcclStatus::Done();
  return api_.Copy(device() + begin, pinned() + begin, end - begin);
}

NcclStatus NcclStaging::Download(int64_t begin, int64_t end) {
  if (begin == end) return NcclStatus::Done();
  return api_.Copy(pinned() + begin, device() + begin, end - begin);
}

void NcclStaging::Abandon() { pinned_ = device_ = nullptr; }

// A failure means that the device is lost, which the next call that matters will say.
void NcclStaging::Free() {
  if (device_ != nullptr) static_cast<void>(api_.FreeDevice(device_));
  if (pinned_ != nullptr) static_cast<void>(api_.FreePinned(pinned_));
  pinned_ = device_ = nullptr;
  size_bytes_ = 0;
}

}  // namespace hearth

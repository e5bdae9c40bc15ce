#include "cluster/nccl_staging.h"

#include <algorithm>
#include <bit>
#include <tuple>

namespace hearth {

NcclStatus NcclStaging::Reserve(int64_t size_bytes) {
  if (size_bytes <= size_bytes_) return NcclStatus::Done();
  Free();
  const uint64_t needed = std::max(size_bytes, int64_t{4096});
  const int64_t size = std::bit_ceil(needed);
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

// A failure here means that the device is lost; the next other call reports that.
void NcclStaging::Free() {
  if (device_ != nullptr) std::ignore = api_.FreeDevice(device_);
  if (pinned_ != nullptr) std::ignore = api_.FreePinned(pinned_);
  pinned_ = device_ = nullptr;
  size_bytes_ = 0;
}

}  // namespace hearth

#pragma once

#include <cstdint>

#include "cluster/nccl_api.h"

namespace hearth {

/// What host data passes on its way to and from NCCL: pinned memory, which the device can copy from
/// by itself, and as much memory on the device. Both grow when asked for more, and are used again.
class NcclStaging {
 public:
  /// `api` must outlive this object.
  explicit NcclStaging(NcclApi& api) : api_(api) {}
  ~NcclStaging() { Free(); }
  NcclStaging(const NcclStaging&) = delete;
  NcclStaging& operator=(const NcclStaging&) = delete;

  /// At least `size_bytes` of both; what was in them is lost. The stream must hold nothing.
  NcclStatus Reserve(int64_t size_bytes);

  /// Null until something is reserved.
  uint8_t* pinned() const { return static_cast<uint8_t*>(pinned_); }
  uint8_t* device() const { return static_cast<uint8_t*>(device_); }

  /// Copies of the bytes [begin, end) of one to the same place of the other.
  NcclStatus Upload(int64_t begin, int64_t end);
  NcclStatus Download(int64_t begin, int64_t end);

  /// Leaves the memory to the end of the process: freeing it would wait for a device that is stuck.
  void Abandon();

 private:
  void Free();

  NcclApi& api_;
  int64_t size_bytes_ = 0;
  void* pinned_ = nullptr;
  void* device_ = nullptr;
};

}  // namespace hearth

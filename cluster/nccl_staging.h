#pragma once

#include <cstdint>

#include "cluster/nccl_api.h"

namespace hearth {

/// Memory for host data on its way to and from NCCL: pinned memory, so that the device can copy
/// without the host, and as much device memory. Both grow on demand and are used again.
class NcclStaging {
 public:
  /// `api` must outlive this object.
  explicit NcclStaging(NcclApi& api) : api_(api) {}
  ~NcclStaging() { Free(); }
  NcclStaging(const NcclStaging&) = delete;
  NcclStaging& operator=(const NcclStaging&) = delete;

  /// Provides at least `size_bytes` of both and loses their contents. The stream must be empty.
  NcclStatus Reserve(int64_t size_bytes);

  /// Return null until something is reserved.
  uint8_t* pinned() const { return static_cast<uint8_t*>(pinned_); }
  uint8_t* device() const { return static_cast<uint8_t*>(device_); }

  /// Copy the bytes [begin, end) of one memory to the same place of the other.
  NcclStatus Upload(int64_t begin, int64_t end);
  NcclStatus Download(int64_t begin, int64_t end);

  /// Never frees the present memory, because freeing would wait for a device that is stuck.
  void Abandon();

 private:
  void Free();

  NcclApi& api_;
  int64_t size_bytes_ = 0;
  void* pinned_ = nullptr;
  void* device_ = nullptr;
};

}  // namespace hearth

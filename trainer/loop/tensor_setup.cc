#include "trainer/loop/tensor_setup.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <thread>

#include <ATen/Context.h>
#include <c10/core/Allocator.h>
#include <malloc.h>

#include "common/error.h"
#include "common/usable_cores.h"

namespace hearth {
namespace {

// Allocates aligned tensors with plain malloc. LibTorch's own allocator asks glibc for aligned
// blocks. A freed one of these (glibc 2.36) is a little too small for the next block of the same
// size: the memory of a chunk of the generic engine was 1.7 times the bytes of its tensors.
class TensorAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size) override {
    if (size == 0) return {nullptr, c10::Device(c10::kCPU)};
    void* const block = std::malloc(size + sizeof(Header) + kAlignment);
    if (block == nullptr) throw std::bad_alloc();
    const auto first = reinterpret_cast<uintptr_t>(block) + sizeof(Header);
    void* const memory = reinterpret_cast<void*>((first + kAlignment - 1) & ~(kAlignment - 1));
    static_cast<Header*>(memory)[-1].block = block;
    return {memory, memory, &Free, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Free; }
  void copy_data(void* to, const void* from, size_t size) const override {
    std::memcpy(to, from, size);
  }

 private:
  static constexpr uintptr_t kAlignment = 64;
  // Stands right before the memory, because LibTorch frees the memory by its own address.
  struct Header {
    void* block;
  };
  static void Free(void* memory) {
    if (memory != nullptr) std::free(static_cast<Header*>(memory)[-1].block);
  }
};

}  // namespace

at::TensorOptions TensorOptionsFor(const TrainOptions& train, int local_rank) {
  const auto options = at::TensorOptions().dtype(
      train.precision == TrainOptions::Precision::kFloat64 ? at::kDouble : at::kFloat);
  if (train.device == TrainOptions::Device::kCpu) return options.device(at::kCPU);
  if (at::hasCUDA()) {
    const int count = at::detail::getCUDAHooks().deviceCount();
    if (count > 0) {
      return options.device(
          at::Device(at::kCUDA, static_cast<at::DeviceIndex>(local_rank % count)));
    }
  }
  if (train.device == TrainOptions::Device::kCuda) {
    throw ConfigError(
        "train.device=cuda, but no CUDA device can be used here ({}); use train.device=auto or "
        "cpu, or run 'hearth doctor'",
        at::hasCUDA() ? "no device found" : "this is a CPU build, or there is no driver");
  }
  return options.device(at::kCPU);
}

int ThreadCountFor(const TrainOptions& train, int local_size, at::Device device) {
  if (train.threads > 0) return static_cast<int>(train.threads);
  if (!device.is_cpu()) return 1;
  const int online = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const int usable = UsableCores();
  // A launcher that binds ranks gives each its own cores; other launchers let all use all cores.
  if (usable < online) return usable;
  return std::max(1, usable / std::max(1, local_size));
}

void KeepFreedMemory() {
  static TensorAllocator allocator;
  c10::SetAllocator(c10::kCPU, &allocator);
  constexpr int kLargestMmapThreshold = 32 << 20;  // glibc takes no more
  HEARTH_CHECK(mallopt(M_MMAP_THRESHOLD, kLargestMmapThreshold) == 1);
  HEARTH_CHECK(mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max()) == 1);
}

std::string DeviceName(const at::TensorOptions& options) { return options.device().str(); }

}  // namespace hearth

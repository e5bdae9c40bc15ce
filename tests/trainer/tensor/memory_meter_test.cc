#include "trainer/tensor/memory_meter.h"

#include <cstdint>

#include <ATen/ops/empty.h>
#include <c10/core/Allocator.h>
#include <gtest/gtest.h>

#include "trainer/loop/tensor_setup.h"

namespace hearth {
namespace {

constexpr int64_t kBytes = 1 << 20;

at::Tensor Take(int64_t bytes) { return at::empty({bytes}, at::TensorOptions().dtype(at::kByte)); }

TEST(MemoryMeter, CountsTheMostThatWasHeldAtTheSameTime) {
  const MemoryMeter meter;
  {
    const at::Tensor a = Take(kBytes);
    { const at::Tensor b = Take(2 * kBytes); }
    const at::Tensor c = Take(kBytes);
  }
  EXPECT_EQ(meter.peak_bytes(), 3 * kBytes);
}

TEST(MemoryMeter, StartsAgainFromWhatIsHeld) {
  MemoryMeter meter;
  const at::Tensor held = Take(kBytes);
  { const at::Tensor gone = Take(4 * kBytes); }
  meter.ResetPeak();
  EXPECT_EQ(meter.peak_bytes(), kBytes);
  { const at::Tensor more = Take(kBytes); }
  EXPECT_EQ(meter.peak_bytes(), 2 * kBytes);
}

TEST(MemoryMeter, TensorsMayOutliveIt) {
  at::Tensor survivor;
  {
    const MemoryMeter meter;
    survivor = Take(kBytes).fill_(7);
  }
  EXPECT_EQ(survivor[kBytes - 1].item<int64_t>(), 7);
  survivor.reset();
}

// Some operators free memory by its address alone.
void TakeAndFreeByAddress() {
  c10::Allocator* const allocator = c10::GetAllocator(c10::kCPU);
  void* const memory = allocator->raw_allocate(kBytes);
  EXPECT_NE(memory, nullptr);
  allocator->raw_deallocate(memory);
}

TEST(MemoryMeter, CountsMemoryThatIsFreedByItsAddress) {
  MemoryMeter meter;
  TakeAndFreeByAddress();
  EXPECT_EQ(meter.peak_bytes(), kBytes);
  meter.ResetPeak();
  EXPECT_EQ(meter.peak_bytes(), 0);
}

TEST(MemoryMeter, WorksOnTheAllocatorThatKeepsFreedMemory) {
  KeepFreedMemory();
  TakeAndFreeByAddress();
  const MemoryMeter meter;
  const at::Tensor tensor = Take(kBytes);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.const_data_ptr()) % 64, 0u);
  EXPECT_EQ(meter.peak_bytes(), kBytes);
}

}  // namespace
}  // namespace hearth

#include "trainer/tensor/memory_meter.h"

#include <atomic>
#include <cstring>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <c10/core/Allocator.h>

namespace hearth {
namespace {

struct Count {
  std::atomic<int64_t> now = 0, peak = 0;

  void Add(int64_t bytes) {
    const int64_t total = now.fetch_add(bytes) + bytes;
    int64_t seen = peak.load();
    while (total > seen && !peak.compare_exchange_weak(seen, total)) {
    }
  }
};

// A block of memory of the usual allocator, and the count to lower when the block is freed.
struct Block {
  c10::DataPtr memory;
  int64_t bytes;
  std::shared_ptr<Count> count;
};

// All blocks by their address: some operators of LibTorch free a block by its address alone.
class Blocks {
 public:
  void Add(void* address, Block block) {
    const std::lock_guard lock(mutex_);
    blocks_.emplace(address, std::move(block));
  }
  Block Take(void* address) {
    const std::lock_guard lock(mutex_);
    return std::move(blocks_.extract(address).mapped());
  }

 private:
  std::mutex mutex_;
  std::unordered_map<void*, Block> blocks_;
};

Blocks& AllBlocks() {
  static Blocks* const blocks = new Blocks;  // never freed: tensors may be freed after statics
  return *blocks;
}

void Release(void* address) {
  if (address == nullptr) return;
  const Block block = AllBlocks().Take(address);
  block.count->now -= block.bytes;
}

}  // namespace

class MemoryMeter::CountingAllocator : public c10::Allocator {
 public:
  explicit CountingAllocator(c10::Allocator* usual) : usual_(usual) {}

  c10::DataPtr allocate(size_t size) override {
    if (size == 0) return usual_->allocate(size);
    const int64_t bytes = size;
    Block block{usual_->allocate(size), bytes, count_};
    count_->Add(bytes);
    void* const memory = block.memory.get();
    AllBlocks().Add(memory, std::move(block));
    return {memory, memory, &Release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Release; }
  void copy_data(void* to, const void* from, size_t size) const override {
    std::memcpy(to, from, size);
  }

  c10::Allocator* usual() const { return usual_; }
  int64_t peak() const { return count_->peak; }
  void ResetPeak() { count_->peak = count_->now.load(); }

 private:
  c10::Allocator* usual_;
  std::shared_ptr<Count> count_ = std::make_shared<Count>();
};

MemoryMeter::MemoryMeter()
    : allocator_(std::make_unique<CountingAllocator>(c10::GetAllocator(c10::kCPU))) {
  c10::SetAllocator(c10::kCPU, allocator_.get());
}

MemoryMeter::~MemoryMeter() { c10::SetAllocator(c10::kCPU, allocator_->usual()); }

int64_t MemoryMeter::peak_bytes() const { return allocator_->peak(); }

void MemoryMeter::ResetPeak() { allocator_->ResetPeak(); }

}  // namespace hearth

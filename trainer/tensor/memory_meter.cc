#include "trainer/tensor/memory_meter.h"

#include <atomic>
#include <cstring>

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

// A piece of memory of the usual allocator, and whom to tell when it goes.
struct Piece {
  c10::DataPtr memory;
  int64_t bytes;
  std::shared_ptr<Count> count;
};

void Release(void* context) {
  auto* piece = static_cast<Piece*>(context);
  piece->count->now -= piece->bytes;
  delete piece;
}

}  // namespace

class MemoryMeter::CountingAllocator : public c10::Allocator {
 public:
  explicit CountingAllocator(c10::Allocator* usual) : usual_(usual) {}

  c10::DataPtr allocate(size_t size) override {
    const auto bytes = static_cast<int64_t>(size);
    auto piece = std::make_unique<Piece>(Piece{usual_->allocate(size), bytes, count_});
    count_->Add(bytes);
    void* const memory = piece->memory.get();
    return {memory, piece.release(), &Release, c10::Device(c10::kCPU)};
  }
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

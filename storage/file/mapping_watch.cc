#include "storage/file/mapping_watch.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <utility>

#include <unistd.h>

#include "common/error.h"
#include "storage/file/fault_report.h"

namespace hearth {

/// A slot is reused but never freed: the handler may walk over it at any moment.
struct MappingWatch::Slot {
  std::atomic<uintptr_t> begin{0};  // 0: free
  std::atomic<size_t> size_bytes{0};
  char path[501] = {};
  Slot* next = nullptr;
};

namespace {

std::atomic<MappingWatch::Slot*> first_slot{nullptr};
std::mutex slots_mutex;
struct sigaction previous_action {};

const MappingWatch::Slot* SlotOf(uintptr_t address) {
  for (const auto* slot = first_slot.load(); slot != nullptr; slot = slot->next) {
    const uintptr_t begin = slot->begin.load();
    if (begin != 0 && address >= begin && address - begin < slot->size_bytes.load()) return slot;
  }
  return nullptr;
}

/// Calls async-signal-safe functions only.
void OnBusError(int signal, siginfo_t* info, void* context) {
  if (const auto* slot = SlotOf(reinterpret_cast<uintptr_t>(info->si_addr))) {
    static std::atomic_flag ending;
    // Another thread met the same fault first: it reports the fault and ends the process.
    while (ending.test_and_set()) ::pause();
    ReportFault({"hearth: error: cannot read '", slot->path,
                 "' any more: it was cut short while in use, or its disk or server failed; restore "
                 "it and start again, with data.read=pread on a network file system"});
    ::_exit(static_cast<int>(ExitCode::kStorage));
  }
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal, info, context);
  } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal);
  } else {
    std::signal(signal, SIG_DFL);  // the access repeats on return, and now ends the process
  }
}

void InstallHandler() {
  struct sigaction action {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  HEARTH_CHECK(::sigaction(SIGBUS, &action, &previous_action) == 0);
}

MappingWatch::Slot* FreeSlot() {
  for (auto* slot = first_slot.load(); slot != nullptr; slot = slot->next) {
    if (slot->begin.load() == 0) return slot;
  }
  auto* const slot = new MappingWatch::Slot;
  slot->next = first_slot.load();
  if (slot->next == nullptr) InstallHandler();
  first_slot.store(slot);
  return slot;
}

}  // namespace

MappingWatch::MappingWatch(const void* begin, size_t size_bytes, const std::string& path) {
  const std::lock_guard lock(slots_mutex);
  slot_ = FreeSlot();
  const size_t shown = std::min(path.size(), sizeof(Slot::path) - 1);
  std::memcpy(slot_->path, path.data() + (path.size() - shown), shown);
  slot_->path[shown] = '\0';
  slot_->size_bytes.store(size_bytes);
  slot_->begin.store(reinterpret_cast<uintptr_t>(begin));
}

MappingWatch::~MappingWatch() {
  if (slot_ == nullptr) return;
  const std::lock_guard lock(slots_mutex);
  slot_->begin.store(0);
}

MappingWatch::MappingWatch(MappingWatch&& other) noexcept
    : slot_(std::exchange(other.slot_, nullptr)) {}

MappingWatch& MappingWatch::operator=(MappingWatch&& other) noexcept {
  std::swap(slot_, other.slot_);
  return *this;
}

}  // namespace hearth

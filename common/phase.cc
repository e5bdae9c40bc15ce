#include "common/phase.h"

#include <atomic>

namespace hearth {
namespace {

// Relaxed everywhere: a reader may see a mark a moment late.
constexpr auto kRelaxed = std::memory_order_relaxed;
std::atomic<const Phase*> current_phase{&kStartPhase};
std::atomic<int64_t> current_step{-1};
std::atomic<int64_t> step_count{0};
std::atomic<int64_t> mark_count{0};
std::atomic<const char*> collective{""};
std::atomic<int64_t> collective_count{0};
std::atomic<bool> in_collective{false};
std::atomic<PhaseHook> phase_hook{nullptr};

}  // namespace

void EnterPhase(const Phase& phase) {
  current_phase.store(&phase, kRelaxed);
  mark_count.fetch_add(1, kRelaxed);
  MarkBackgroundPhase(phase);
}

void MarkBackgroundPhase(const Phase& phase) {
  if (const PhaseHook hook = phase_hook.load(kRelaxed)) hook(phase);
}

void EnterStep(int64_t step) {
  current_step.store(step, kRelaxed);
  step_count.fetch_add(1, kRelaxed);
  mark_count.fetch_add(1, kRelaxed);
}

CollectiveMark::CollectiveMark(const char* name) {
  collective.store(name, kRelaxed);
  collective_count.fetch_add(1, kRelaxed);
  in_collective.store(true, kRelaxed);
  mark_count.fetch_add(1, kRelaxed);
}

CollectiveMark::~CollectiveMark() {
  in_collective.store(false, kRelaxed);
  mark_count.fetch_add(1, kRelaxed);
}

PhaseView CurrentPhase() {
  return {.phase = *current_phase.load(kRelaxed),
          .step = current_step.load(kRelaxed),
          .step_count = step_count.load(kRelaxed),
          .mark_count = mark_count.load(kRelaxed),
          .collective = collective.load(kRelaxed),
          .collective_count = collective_count.load(kRelaxed),
          .in_collective = in_collective.load(kRelaxed)};
}

PhaseHook SetPhaseHook(PhaseHook hook) { return phase_hook.exchange(hook); }

}  // namespace hearth

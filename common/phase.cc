#include "common/phase.h"

#include <array>
#include <atomic>

namespace hearth {
namespace {

constexpr std::array<std::string_view, 14> kNames = {
    "start", "load",         "fetch",      "compute",     "reduce",      "update",     "evaluate",
    "save",  "save.prepare", "save.write", "save.gather", "save.commit", "save.prune", "end"};

// Relaxed everywhere: a reader that sees a mark a moment late is as good.
constexpr auto kRelaxed = std::memory_order_relaxed;
std::atomic<Phase> current_phase{Phase::kStart};
std::atomic<int64_t> current_step{-1};
std::atomic<int64_t> step_count{0};
std::atomic<int64_t> mark_count{0};
std::atomic<const char*> collective{""};
std::atomic<int64_t> collective_count{0};
std::atomic<bool> in_collective{false};
std::atomic<PhaseHook> phase_hook{nullptr};

}  // namespace

std::string_view NameOf(Phase phase) { return kNames[static_cast<size_t>(phase)]; }

void EnterPhase(Phase phase) {
  current_phase.store(phase, kRelaxed);
  mark_count.fetch_add(1, kRelaxed);
  PassBeside(phase);
}

void PassBeside(Phase phase) {
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
  return {.phase = current_phase.load(kRelaxed),
          .step = current_step.load(kRelaxed),
          .step_count = step_count.load(kRelaxed),
          .mark_count = mark_count.load(kRelaxed),
          .collective = collective.load(kRelaxed),
          .collective_count = collective_count.load(kRelaxed),
          .in_collective = in_collective.load(kRelaxed)};
}

PhaseHook SetPhaseHook(PhaseHook hook) { return phase_hook.exchange(hook); }

}  // namespace hearth

#pragma once

#include <cstdint>
#include <string_view>

namespace hearth {

/// One kind of work of a program, such as {"reduce"}. A program defines its phases as constants.
/// The marks below tell the watchdog (cluster/watchdog.h) how far a process is, and let tests
/// break a run at exact places. A mark costs a few nanoseconds.
struct Phase {
  std::string_view name;       ///< lives as long as the process
  bool may_take_long = false;  ///< the watchdog waits longer here: HangLimits::patient_sec
  bool operator==(const Phase&) const = default;
};

/// A process that has entered no phase is in this one.
inline constexpr Phase kStartPhase = {.name = "start", .may_take_long = true};

/// Enters a phase, or enters the same phase again: both count as progress.
/// `phase` must live as long as the process.
void EnterPhase(const Phase& phase);
void EnterPhase(const Phase&& phase) = delete;
/// Marks a phase of work that runs beside the main thread: the watchdog ignores this mark, and
/// tests can break the run here.
void MarkBackgroundPhase(const Phase& phase);
/// Marks the begin of a step. `step`: steps done so far.
void EnterStep(int64_t step);

/// Marks one collective operation for the life of the object. `name` must live as long as the
/// process.
class CollectiveMark {
 public:
  explicit CollectiveMark(const char* name);
  ~CollectiveMark();
  CollectiveMark(const CollectiveMark&) = delete;
  CollectiveMark& operator=(const CollectiveMark&) = delete;
};

/// The newest marks of this process.
struct PhaseView {
  Phase phase = kStartPhase;
  int64_t step = -1;       ///< -1: no step has begun
  int64_t step_count = 0;  ///< steps begun by this process
  /// Grows with every mark: a process with a constant count makes no progress.
  int64_t mark_count = 0;
  const char* collective = "";  ///< the newest one; empty: none yet
  int64_t collective_count = 0;
  bool in_collective = false;
};
/// Any thread may call this.
PhaseView CurrentPhase();

/// Sets a function that the thread entering a phase calls after the mark; nullptr sets none.
/// Returns the function set before. Test binaries set a hook; the program never does.
using PhaseHook = void (*)(Phase phase);
PhaseHook SetPhaseHook(PhaseHook hook);

}  // namespace hearth

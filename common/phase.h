#pragma once

#include <cstdint>
#include <string_view>

namespace hearth {

/// What the training thread of this process is doing: marks that cost a few nanoseconds, for the
/// watchdog (cluster/watchdog.h) and for tests, which break a run at exact places.
enum class Phase {
  kStart,        ///< before the first step
  kLoad,         ///< waits for a meta-batch
  kFetch,        ///< rows of sharded tables
  kCompute,      ///< adaptation and gradients
  kReduce,       ///< sums over ranks
  kUpdate,       ///< the outer optimizer
  kEvaluate,     ///< validation
  kSave,         ///< what is to be saved is collected and copied
  kSavePrepare,  ///< rank 0 makes the folder of a checkpoint
  kSaveWrite,    ///< this rank writes its part
  kSaveGather,   ///< rank 0 learns of the parts
  kSaveCommit,   ///< the manifest and the rename that makes the checkpoint visible
  kSavePrune,    ///< committed; older ones are removed
  kEnd,          ///< after the last step
};
std::string_view NameOf(Phase phase);  // "start", "load", ..., "save.commit", ...

/// Enters a phase, or the same one again: either is progress.
void EnterPhase(Phase phase);
/// A phase of work beside the training thread: nothing for the watchdog, a place for tests to
/// break.
void PassBeside(Phase phase);
/// Steps done when a step begins.
void EnterStep(int64_t step);

/// Around one collective operation. `name` must live as long as the process.
class CollectiveMark {
 public:
  explicit CollectiveMark(const char* name);
  ~CollectiveMark();
  CollectiveMark(const CollectiveMark&) = delete;
  CollectiveMark& operator=(const CollectiveMark&) = delete;
};

/// The newest marks of this process. Any thread may ask.
struct PhaseView {
  Phase phase = Phase::kStart;
  int64_t step = -1;       ///< -1: no step has begun
  int64_t step_count = 0;  ///< steps begun by this process
  /// Grows with every mark: what stands still does not progress.
  int64_t mark_count = 0;
  const char* collective = "";  ///< the newest one; empty: none yet
  int64_t collective_count = 0;
  bool in_collective = false;
};
PhaseView CurrentPhase();

/// Called in the thread that enters a phase, after the mark. For test binaries alone: nothing in
/// the program sets it. nullptr: none. Returns the one before.
using PhaseHook = void (*)(Phase phase);
PhaseHook SetPhaseHook(PhaseHook hook);

}  // namespace hearth

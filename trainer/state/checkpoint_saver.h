#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cluster/communicator.h"
#include "cluster/consensus.h"
#include "storage/checkpoint/array.h"
#include "storage/checkpoint/manifest.h"
#include "storage/checkpoint/reader.h"
#include "trainer/state/array_copy.h"

namespace hearth {

/// How a save ended; the same on every rank.
struct SaveOutcome {
  int64_t step = 0;
  std::string path;  ///< of the committed checkpoint
  int64_t size_bytes = 0;
  bool is_delta = false;
  double save_sec = 0.0;               ///< from begin to commit
  double stall_sec = 0.0;              ///< time when this rank did not train
  std::optional<RankFailure> failure;  ///< why nothing was committed
};

/// Commits checkpoints while training goes on. A save copies each rank's arrays, a thread of rank 0
/// makes the folder, a thread of each rank writes the copies, and a thread of rank 0 commits when
/// all ranks have written. One save runs at a time. If the arrays of a rank are larger than it may
/// copy, Begin() waits for the folder and returns on that rank once they are written.
///
/// A delta checkpoint holds the changes since the last committed checkpoint alone. Deltas form
/// chains of bounded length. All deltas of a chain together have fewer bytes than a whole
/// checkpoint, so a resume reads at most twice as much. The save after a failed one is whole.
///
/// The ranks must move a save on together, so they tell each other in every outer step whether they
/// are busy with the save:
///   Begin()      all ranks
///   Advance()    all ranks, each time none is busy, until it returns the outcome
class CheckpointSaver {
 public:
  struct Options {
    std::string run_dir;
    int64_t start_number = 0;      ///< RunLease::number(), 0 without a lease
    int64_t keep = 2;              ///< newest checkpoints kept (PruneCheckpoints)
    int64_t copy_bytes = 0;        ///< most bytes that this rank copies
    int64_t max_deltas = 0;        ///< most deltas in a chain
    int64_t delta_from_bytes = 0;  ///< smaller states are always saved whole
    /// Called on rank 0 right before a commit, in the thread that commits. It may throw to forbid
    /// the commit.
    std::function<void()> require_run_dir;
  };

  /// The communicator must outlive the saver. The saver uses it in the calls marked collective
  /// alone.
  CheckpointSaver(Options options, Communicator& communicator);
  /// The destructor waits for the thread; a save that was not finished stays uncommitted.

  /// Tells the saver that the state equals this committed checkpoint of the run: it becomes the
  /// base of the next delta.
  void SetBase(const CheckpointReader& checkpoint);
  /// True when the next checkpoint should be a delta. Both arguments are bytes of this rank.
  /// Collective; the same on every rank. No save may be in flight.
  bool PrefersDelta(int64_t whole_bytes, int64_t changed_bytes);

  enum class Kind { kWhole, kDelta };
  /// Begins to save. `manifest`: filled in but for base and pieces. `arrays`: the arrays of this
  /// rank; their data may change once this returns. `pinned_steps`: steps that are never pruned.
  /// Collective. No save may be in flight.
  void Begin(Kind kind, CheckpointManifest manifest, std::vector<NamedArray> arrays,
             std::vector<int64_t> pinned_steps);

  bool in_flight() const { return stage_ != Stage::kIdle; }
  /// True while this rank works on the save in flight.
  bool is_busy() const;

  /// Moves the save in flight to its next stage, and waits for this rank if it is still busy.
  /// Returns nothing while the save goes on. Collective.
  std::optional<SaveOutcome> Advance();
  /// Waits for the end of the save in flight and returns its outcome. Collective.
  SaveOutcome Finish();

 private:
  enum class Stage { kIdle, kPreparing, kWriting, kCommitting };

  void Prepare();
  void BeginWriting();
  void Write();
  void GatherPieces();
  void Commit();
  void RunInThread(std::function<void()> work);
  void WaitForThread();
  SaveOutcome End(std::optional<RankFailure> failure);

  // The newest committed checkpoint, and the number and bytes of the deltas it is made of.
  struct Chain {
    CheckpointBase head;
    int64_t deltas = 0, delta_bytes = 0;
  };
  static Chain ChainOf(const CheckpointReader& checkpoint);

  const Options options_;
  Communicator& communicator_;
  Stage stage_ = Stage::kIdle;
  CheckpointManifest manifest_;     // of the save in flight, like most members below
  std::vector<NamedArray> arrays_;  // of this rank; the data is in copy_ or the caller's
  bool is_copied_ = false;
  std::vector<int64_t> pinned_steps_;
  std::optional<Chain> chain_;  // on rank 0; empty: no delta is possible
  std::string folder_;
  CheckpointPiece piece_;
  SaveOutcome outcome_;
  double begin_sec_ = 0.0;
  ArrayCopy copy_;
  // The work of this rank in the current stage, and why it failed. The last member: its destructor
  // waits for the thread, which uses the others.
  std::future<std::optional<RankFailure>> work_;
};

/// The seconds between saves that lose the least time: sqrt(2 * cost * time between failures), but
/// at least a minute. `cost_sec`: training time that one save takes.
/// Source: Young 1974, "A first order approximation to the optimum checkpoint interval"; Daly 2006.
double BestSaveInterval(double cost_sec, double mtbf_sec);

/// The most bytes that one of `local_size` ranks of this host may copy. All ranks together may copy
/// a quarter of the memory that is available now.
int64_t MostCopyBytes(int local_size);

}  // namespace hearth

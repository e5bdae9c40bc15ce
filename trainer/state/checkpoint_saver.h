#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "cluster/communicator.h"
#include "cluster/consensus.h"
#include "storage/checkpoint/array.h"
#include "storage/checkpoint/manifest.h"
#include "storage/checkpoint/reader.h"

namespace hearth {

/// How a save ended; the same on every rank.
struct SaveOutcome {
  int64_t step = 0;
  std::string path;  ///< of the committed checkpoint
  int64_t size_bytes = 0;
  bool is_delta = false;
  double save_sec = 0.0;               ///< from its begin to its commit
  double stall_sec = 0.0;              ///< part of it in which this rank did not train
  std::optional<RankFailure> failure;  ///< nothing was committed
};

/// Commits checkpoints while training goes on: a save copies each rank's arrays, a thread of rank 0
/// makes the folder, threads write the copies, and when all have written a thread of rank 0
/// commits. One save at a time. Where the arrays of a rank are larger than it may copy, Begin()
/// waits for the folder, and returns on that rank once they are written.
///
/// A checkpoint may hold only what changed since the last committed one. Deltas come in chains of
/// bounded length whose bytes stay below those of a whole checkpoint, so a resume reads at most
/// twice as much; after a save that failed the next one is whole.
///
/// The ranks must move a save on together, so they tell one another in every outer step whether
/// they are busy with it:
///   Begin()      all ranks
///   Advance()    all ranks, each time none is busy, until it has the outcome
class CheckpointSaver {
 public:
  struct Options {
    std::string run_dir;
    int64_t start_number = 0;      ///< RunLease::number(), 0 without a lease
    int64_t keep = 2;              ///< PruneCheckpoints
    int64_t copy_bytes = 0;        ///< most that this rank copies
    int64_t max_deltas = 0;        ///< in a chain
    int64_t delta_from_bytes = 0;  ///< smaller states are always saved whole
    /// Rank 0, right before a commit, in the thread that commits: may throw to forbid it.
    std::function<void()> require_run_dir;
  };

  /// The communicator must outlive the saver. It is used in the calls marked collective alone.
  CheckpointSaver(Options options, Communicator& communicator);
  /// Waits for the threads; a save that was not finished stays uncommitted.
  ~CheckpointSaver();

  /// The state is that of this committed checkpoint of the run: the next delta's base.
  void SetBase(const CheckpointReader& checkpoint);
  /// Whether the next checkpoint should be a delta, for bytes of this rank. Collective; the same on
  /// every rank. No save may be in flight.
  bool PrefersDelta(int64_t whole_bytes, int64_t changed_bytes);

  enum class Kind { kWhole, kDelta };
  /// Begins to save. `manifest`: all but base and pieces. `arrays`: of this rank; they may change
  /// when this returns. `pinned_steps`: never pruned. Collective. No save may be in flight.
  void Begin(Kind kind, CheckpointManifest manifest, std::vector<NamedArray> arrays,
             std::vector<int64_t> pinned_steps);

  bool in_flight() const { return stage_ != Stage::kIdle; }
  /// Whether this rank still works on the save in flight.
  bool is_busy() const { return in_flight() && busy_.load(); }

  /// The next phase of the save in flight; waits where this rank is still busy. Nothing while the
  /// save goes on. Collective.
  std::optional<SaveOutcome> Advance();
  /// Waits for the end of the save in flight. Collective.
  SaveOutcome Finish();

 private:
  enum class Stage { kIdle, kPreparing, kWriting, kCommitting };

  void Prepare();
  void BeginWriting();
  void Write();
  bool Copy();
  void GatherParts();
  void Commit();
  void RunInThread(std::function<void()> work);
  SaveOutcome End(std::optional<RankFailure> failure);

  // The newest committed checkpoint and the deltas it consists of.
  struct Chain {
    CheckpointBase head;
    int64_t deltas = 0, delta_bytes = 0;
  };
  static Chain ChainOf(const CheckpointReader& checkpoint);

  const Options options_;
  Communicator& communicator_;
  Stage stage_ = Stage::kIdle;
  Kind kind_ = Kind::kWhole;  // of the save in flight, as the rest up to the thread
  CheckpointManifest manifest_;
  std::vector<NamedArray> arrays_;  // of this rank, in copy_ or the caller's
  bool copied_ = false;
  std::vector<int64_t> pinned_steps_;
  std::optional<Chain> chain_;  // rank 0; nothing: no delta is possible
  std::string folder_;
  CheckpointPiece piece_;
  SaveOutcome outcome_;
  double begin_sec_ = 0.0;
  std::optional<RankFailure> failure_;  // of this rank; written by the thread
  std::atomic<bool> busy_ = false;
  std::thread thread_;
  std::unique_ptr<std::byte[]> copy_;  // kept from save to save
  int64_t copy_capacity_ = 0;
};

/// Seconds between saves that lose the least time: sqrt(2 * cost * time between failures), and at
/// least a minute. `cost_sec`: training time one save takes.
/// Source: Young 1974, "A first order approximation to the optimum checkpoint interval"; Daly 2006.
double BestSaveInterval(double cost_sec, double mtbf_sec);

/// The most bytes that one of `local_size` ranks of this host may copy: together a quarter of the
/// memory that is available now.
int64_t MostCopyBytes(int local_size);

}  // namespace hearth

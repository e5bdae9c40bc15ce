#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "storage/checkpoint/array.h"
#include "storage/checkpoint/manifest.h"

namespace hearth {

// The commit protocol. Every rank takes part in 2; rank 0 alone does the rest. This room knows no
// communication: the caller sends the folder's path to the ranks and their CheckpointParts back.
//   1. PrepareCheckpoint      makes RUN/checkpoints/step-N.tmp-RUNID-START
//   2. WriteCheckpointPart    one HDF5 file per rank in it, synced and hashed
//   3. CommitCheckpoint       MANIFEST.json, synced; then the folder is renamed to step-N, synced
// A crash or a failure before the rename leaves the earlier checkpoints as they were; after it the
// new one is complete. Whatever is left aside is removed by the next PrepareCheckpoint of the run.

/// What a part file says of itself; the reader compares it with the manifest.
struct PartHeader {
  std::string
      run_id;  ///< IsPlainName, at most 64 characters; the same for the life of a run folder
  int64_t step = 0;
  int rank = 0;
  int world_size = 1;
};

/// Rank 0: makes the folder the ranks write into and returns its path. run_dir must exist.
/// `start`: RunLease::number() of the job that holds run_dir; 0 where nobody else can write to it.
/// Throws StorageError or PermissionError naming the path.
std::string PrepareCheckpoint(const std::string& run_dir, int64_t step, const std::string& run_id,
                              int64_t start = 0);

/// Each rank: writes its arrays and slices of arrays; may be none. Returns the record rank 0 needs.
/// Throws NumericError naming the array and row if a float is not finite, StorageError if the file
/// cannot be written (the unfinished file is removed). Broken invariants: a bad name, a slice out
/// of range, two slices of one array in this call that overlap, bad offsets of touched rows.
CheckpointPart WriteCheckpointPart(const std::string& temporary_path, const PartHeader& header,
                                   std::span<const NamedArray> arrays);

/// Rank 0, after all parts are written: `manifest.parts` holds every rank's record, by rank.
/// Returns the path of the committed folder. Throws DataError, StorageError or NumericError with
/// nothing committed; call AbandonCheckpoint then. One failure comes later: when the renamed
/// folder's entry could not be synced, the checkpoint is complete and visible but a power loss may
/// still take it back, so it does not count as committed either, and nothing may be pruned for it.
/// If the step is committed already: with equal arrays the new folder is dropped and the old one
/// stands; with other arrays it is refused (DataError); a damaged one is renamed out of the way.
std::string CommitCheckpoint(const std::string& run_dir, const std::string& temporary_path,
                             const CheckpointManifest& manifest);

/// Rank 0, after a failed save: removes the unfinished folder. Never throws.
void AbandonCheckpoint(const std::string& temporary_path) noexcept;

/// Rank 0: removes committed checkpoints but the newest `keep`, the pinned steps (the best so far)
/// and the bases of both. Before anything is removed the newest, with its bases, is opened and
/// hashed again; if that fails nothing is removed and DataError says why. Damaged checkpoints are
/// neither counted nor removed. Returns the removed steps. A StorageError leaves what is not
/// removed yet for the next time; the newest is untouched.
std::vector<int64_t> PruneCheckpoints(const std::string& run_dir, int64_t keep,
                                      std::span<const int64_t> pinned_steps);

}  // namespace hearth

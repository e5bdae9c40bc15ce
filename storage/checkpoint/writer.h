#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "storage/checkpoint/array.h"
#include "storage/checkpoint/manifest.h"

namespace hearth {

// The commit protocol. Every rank does step 2; rank 0 alone does the others. This room knows no
// communication: the caller sends the folder's path to the ranks and their CheckpointPieces back.
//   1. PrepareCheckpoint      makes RUN/checkpoints/step-N.tmp-RUNID-START
//   2. WriteCheckpointPiece    one HDF5 file per rank in it, synced and hashed
//   3. CommitCheckpoint       MANIFEST.json, synced; then the folder is renamed to step-N, synced
// A crash or a failure before the rename leaves the earlier checkpoints unchanged. After the rename
// the new checkpoint is complete. The next PrepareCheckpoint of the run removes leftovers.

/// The attributes of a piece. The reader compares them with the manifest.
struct PieceHeader {
  /// IsPlainName, at most 64 characters; the same for the life of a run folder.
  std::string run_id;
  int64_t step = 0;
  int rank = 0;
  int world_size = 1;
};

/// Rank 0: makes the folder for all ranks' pieces and returns its path. run_dir must exist.
/// `start` is RunLease::number() of the job that holds run_dir, or 0 if no other job can write to
/// it. Throws StorageError or PermissionError naming the path.
std::string PrepareCheckpoint(const std::string& run_dir, int64_t step, const std::string& run_id,
                              int64_t start = 0);

/// Each rank: writes its arrays and slices of arrays, maybe none. Returns the record for rank 0.
/// Throws NumericError naming the array and row if a float is not finite, StorageError if the file
/// cannot be written (the unfinished file is removed). Broken invariants are a bad name, a slice
/// out of range, two overlapping slices of one array in this call, and bad offsets of touched rows.
CheckpointPiece WriteCheckpointPiece(const std::string& temporary_path, const PieceHeader& header,
                                     std::span<const NamedArray> arrays);

/// Rank 0, after all pieces are written: `manifest.pieces` holds every rank's record, by rank.
/// Returns the path of the committed folder. Throws DataError, StorageError or NumericError if
/// nothing is committed; call AbandonCheckpoint then. One failure comes later: if the sync after
/// the rename fails, the checkpoint is complete and visible, but a power loss may still take it
/// back. It does not count as committed either, so no checkpoint may be pruned for it.
/// If the step is committed already: equal arrays drop the new folder and keep the old one; other
/// arrays are refused (DataError); a damaged old folder is renamed out of the way.
std::string CommitCheckpoint(const std::string& run_dir, const std::string& temporary_path,
                             const CheckpointManifest& manifest);

/// Rank 0, after a failed save: removes the unfinished folder. Never throws.
void AbandonCheckpoint(const std::string& temporary_path) noexcept;

/// Rank 0: removes committed checkpoints, except the newest `keep`, the pinned steps (the best so
/// far) and the bases of both. First it opens and hashes the newest again, with its bases; if that
/// fails, it removes nothing, and DataError gives the reason. Damaged checkpoints are neither
/// counted nor removed. Returns the removed steps. After a StorageError the next call removes the
/// rest; the newest is untouched.
std::vector<int64_t> PruneCheckpoints(const std::string& run_dir, int64_t keep,
                                      std::span<const int64_t> pinned_steps);

}  // namespace hearth

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/checkpoint/manifest.h"

namespace hearth {

inline constexpr const char* kManifestFile = "MANIFEST.json";

/// Names inside a run folder. Nothing else in hearth spells them.
///   RUN/checkpoints/step-000123/                    committed: MANIFEST.json + one file per rank
///   RUN/checkpoints/step-000123.tmp-RUNID-START/    being written by the START-th job that held
///   the
///                                                   run folder (storage/run), or left by its crash
///   RUN/checkpoints/step-000123.damaged-1/          failed verification and stood in the way
///   RUN/checkpoints/LATEST                          name of the newest, a hint for people
std::string CheckpointsFolder(const std::string& run_dir);
std::string CheckpointPath(const std::string& run_dir, int64_t step);
std::string TemporaryCheckpointPath(const std::string& run_dir, int64_t step,
                                    const std::string& run_id, int64_t start);
/// Where the checkpoint of another step of the same run is.
std::string SiblingCheckpointPath(const std::string& checkpoint, int64_t step);
/// The step of "step-000123", nothing for every other name.
std::optional<int64_t> ParseStepName(const std::string& name);

/// The committed steps of a run (folders named step-N), ascending; empty when there is no
/// checkpoints folder. Throws StorageError or PermissionError when it cannot be listed.
std::vector<int64_t> ListSteps(const std::string& run_dir);

/// One line of a listing of checkpoints.
struct CheckpointInfo {
  std::string path;
  int64_t step = 0;
  int64_t epoch = 0;
  std::optional<CheckpointMetric> metric;
  int64_t size_bytes = 0;            ///< of its own files
  std::optional<int64_t> base_step;  ///< of a delta checkpoint
  /// Why its manifest or the base it needs was refused, else empty (files are not hashed here).
  std::string problem;
};
/// All committed checkpoints of a run, ascending by step. Reads manifests only.
std::vector<CheckpointInfo> ListCheckpoints(const std::string& run_dir);

/// Reads and checks MANIFEST.json of a checkpoint folder, and that the folder's name, if it is a
/// step name, is its step. Throws DataError or StorageError naming the file.
CheckpointManifest ReadCheckpointManifest(const std::string& path);

/// Whether anything, a dangling link included, has this name. Throws like ListSteps when that
/// cannot be found out.
bool PathExists(const std::string& path);
/// The names in a folder, sorted. Throws StorageError or PermissionError naming it.
std::vector<std::string> EntriesOf(const std::string& folder);

/// Removes the files a checkpoint is made of and then the folder. Files of other names are never
/// touched; with them the folder stays and the answer is false. Links are not followed.
bool RemoveCheckpointFolder(const std::string& path);

/// Removes the unfinished saves of this start and of earlier ones, hints (LATEST) included. Each is
/// renamed first: a job that was taken for dead and wakes up cannot commit it any more, whole or in
/// part. One that may not be removed stays, with a warning. Rank 0 of the job that holds the run
/// folder: at its start, before checkpoints are looked for, and between saves.
void RemoveLeftovers(const std::string& run_dir, int64_t start);

}  // namespace hearth

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/checkpoint/manifest.h"

namespace hearth {

inline constexpr const char* kManifestFile = "MANIFEST.json";

/// Names inside a run folder. No other file of hearth spells them.
///   RUN/checkpoints/step-000123/                  committed: MANIFEST.json + one piece per rank
///   RUN/checkpoints/step-000123.tmp-RUNID-START/  being written, or left by a crash, by the
///                                                 START-th job that held the run folder
///                                                 (storage/run)
///   RUN/checkpoints/step-000123.damaged-1/        failed verification and stood in the way
///   RUN/checkpoints/LATEST                        name of the newest, a hint for people
std::string CheckpointsFolder(const std::string& run_dir);
std::string CheckpointPath(const std::string& run_dir, int64_t step);
std::string TemporaryCheckpointPath(const std::string& run_dir, int64_t step,
                                    const std::string& run_id, int64_t start);
/// The path of the checkpoint of another step of the same run.
std::string SiblingCheckpointPath(const std::string& checkpoint, int64_t step);
/// The step of "step-000123". Returns nothing for every other name.
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
  /// The reason for refusing its manifest or its base, else empty (files are not hashed here).
  std::string problem;
};
/// All committed checkpoints of a run, ascending by step. Reads no file but the manifests.
std::vector<CheckpointInfo> ListCheckpoints(const std::string& run_dir);

/// Reads and checks MANIFEST.json of a checkpoint folder. If the folder's name is a step name, it
/// must name the manifest's step. Throws DataError or StorageError naming the file.
CheckpointManifest ReadCheckpointManifest(const std::string& path);

/// True when this name exists, even as a dangling link. Throws like ListSteps when that cannot be
/// found out.
bool PathExists(const std::string& path);
/// The names in a folder, sorted. Throws StorageError or PermissionError naming it.
std::vector<std::string> EntriesOf(const std::string& folder);

/// Removes the files of a checkpoint, then its folder. Never touches a file of another name: if
/// there is one, the folder stays and the answer is false. Follows no link.
bool RemoveCheckpointFolder(const std::string& path);

/// Removes the unfinished saves of this start and of earlier starts, and unfinished hints (LATEST).
/// Renames each save first, so that a job taken for dead cannot commit any of it when it wakes up.
/// A save that may not be removed stays, with a warning. Rank 0 of the job that holds the run
/// folder calls this at its start, before it looks for checkpoints, and between saves.
void RemoveLeftovers(const std::string& run_dir, int64_t start);

}  // namespace hearth

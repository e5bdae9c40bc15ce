#pragma once

#include <string>
#include <vector>

#include "launch/config/config.h"

namespace hearth {

/// A run folder:
///   config.yaml    the resolved configuration; `hearth train -c RUN/config.yaml` repeats the run
///   build.json     what ran: version, commit, libraries, command line, host, ranks, data
///   left_out_shards.json  bad shards that the run goes without; absent when there are none
///   metrics.jsonl  one JSON object per line (metrics_log.h)
///   log.txt        what was logged
///   checkpoints/   storage/checkpoint/folder.h
///   exit.json      why a rank failed alone (exit_file.h)
///   starts/        one file for each start: who holds the folder (storage/run/run_lease.h)

/// What build.json says of one start.
struct RunStart {
  std::vector<std::string> arguments;  ///< the command line
  int world_size = 1;
  std::string device;
  std::string data_hash;  ///< ManifestHash of the data set
};

std::string ConfigPath(const std::string& run_folder);
std::string LogPath(const std::string& run_folder);
std::string MetricsPath(const std::string& run_folder);

/// Refuses a folder that this process could not write to or make, so that it is known before what
/// takes long. Makes nothing. Throws ConfigError, StorageError or PermissionError naming it.
void RequireWritableRunFolder(const std::string& folder);

/// Makes the folder unless it exists, and refuses one that holds something else than a run, that
/// everybody may write to, or whose logs cannot be added to. Writes nothing into it. Rank 0 only.
/// Throws ConfigError, DataError, StorageError or PermissionError naming it.
void OpenRunFolder(const std::string& folder);

/// Writes config.yaml and build.json, of the job that holds the folder (RunLease). A folder that
/// holds a run is taken over only as checkpoint.resume and the keys that may change allow. Nothing
/// is written before all checks. Rank 0 only. Throws ConfigError, StorageError or PermissionError
/// naming the folder.
void PrepareRunFolder(const Config& config, const RunStart& start);

/// Notes which shards the run goes without, in left_out_shards.json. Throws ConfigError when steps
/// are committed (`newest_step` > 0) that were trained with other ones. Rank 0 only.
void RecordLeftOutShards(const Config& config, const std::vector<std::string>& files,
                         int64_t newest_step);
/// Those of a run: what works with its model leaves them out as well. Throws DataError naming the
/// file when it is damaged.
std::vector<std::string> LeftOutShards(const std::string& run_folder);

/// Throws NumericError when so many of the latest starts as checkpoint.max_fruitless_starts allows
/// ended without a checkpoint newer than `newest_step`: a job that requeues itself must not do so
/// for ever. Rank 0 only.
void RequireProgress(const Config& config, int64_t newest_step);

/// The configuration a run was started with. Throws ConfigError when the folder holds no run.
Config ReadRunConfig(const std::string& run_folder, const std::vector<std::string>& overrides);

}  // namespace hearth

#pragma once

#include <string>
#include <vector>

#include "launch/config/config.h"

namespace hearth {

/// A run folder holds:
///   config.yaml    the resolved configuration; `hearth train -c RUN/config.yaml` repeats the run
///   build.json     version, commit, libraries, command line, host, ranks and data of the run
///   left_out_shards.json  the bad shards that the run leaves out; absent if there are none
///   metrics.jsonl  one JSON object per line (metrics_log.h)
///   log.txt        the log of the run
///   checkpoints/   the checkpoints (storage/checkpoint/folder.h)
///   model/         the best step as a model folder, written when the run is done
///   exit.json      the reason for the failure of a single rank (exit_file.h)
///   starts/        one file for each start; they say which job holds the folder
///                  (storage/run/run_lease.h)

/// The facts that build.json records about one start.
struct RunStart {
  std::vector<std::string> arguments;  ///< the command line
  int world_size = 1;
  std::string device;
  std::string data_hash;  ///< ManifestHash of the data set
};

std::string ConfigPath(const std::string& run_folder);
std::string LogPath(const std::string& run_folder);
std::string MetricsPath(const std::string& run_folder);
std::string ModelPath(const std::string& run_folder);

/// Refuses a folder that this process cannot make or write to. The user learns of it before the
/// slow part of a start. Makes nothing. Throws ConfigError, StorageError or PermissionError, which
/// names the folder.
void RequireWritableRunFolder(const std::string& folder);

/// Makes the folder unless it exists. Refuses a folder that holds other files than a run, a folder
/// that everybody may write to, and a folder with logs that this process cannot append to. Writes
/// nothing into the folder. Rank 0 only. Throws ConfigError, DataError, StorageError or
/// PermissionError, which names the folder.
void OpenRunFolder(const std::string& folder);

/// Writes config.yaml and build.json of the job that holds the folder (RunLease). If the folder
/// holds a run, checkpoint.resume must allow to go on with it, and only keys that may change on
/// resume may differ. Nothing is written before all checks pass. Rank 0 only. Throws ConfigError,
/// StorageError or PermissionError, which names the folder.
void PrepareRunFolder(const Config& config, const RunStart& start);

/// Writes the shards that the run leaves out to left_out_shards.json. Throws ConfigError if
/// committed steps (`newest_step` > 0) left out other shards. Rank 0 only.
void RecordLeftOutShards(const Config& config, const std::vector<std::string>& files,
                         int64_t newest_step);
/// Returns the shards that a run left out. Commands that use the model of the run leave them out,
/// too. Throws DataError, which names the file, if left_out_shards.json is damaged.
std::vector<std::string> LeftOutShards(const std::string& run_folder);

/// Throws NumericError if the last checkpoint.max_fruitless_starts starts all ended without a
/// checkpoint newer than `newest_step`. This keeps a job that requeues itself from doing so for
/// ever. Rank 0 only.
void RequireProgress(const Config& config, int64_t newest_step);

/// Returns the configuration of a run. Throws ConfigError if the folder holds no run.
Config ReadRunConfig(const std::string& run_folder, const std::vector<std::string>& overrides);

}  // namespace hearth

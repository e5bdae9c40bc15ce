#pragma once

#include <string>
#include <vector>

#include "launch/config/config.h"

namespace hearth {

/// A run folder:
///   config.yaml    the resolved configuration; `hearth train -c RUN/config.yaml` repeats the run
///   build.json     what ran: version, commit, libraries, command line, host, ranks, data
///   metrics.jsonl  one JSON object per line (metrics_log.h)
///   log.txt        what was logged
///   checkpoints/   storage/checkpoint/folder.h
///   exit.json      why a rank failed alone (exit_file.h)

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

/// Makes config.run.dir a folder this run may write to, and writes config.yaml and build.json.
/// A folder that holds a run is taken over only as checkpoint.resume and the keys that may change
/// allow; a folder with anything else in it is refused. Nothing is written before all checks.
/// Rank 0 only. Throws ConfigError, StorageError or PermissionError naming the folder.
void PrepareRunFolder(const Config& config, const RunStart& start);

/// The configuration a run was started with. Throws ConfigError when the folder holds no run.
Config ReadRunConfig(const std::string& run_folder, const std::vector<std::string>& overrides);

}  // namespace hearth

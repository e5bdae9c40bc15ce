#include "launch/report/run_folder.h"

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <torch/version.h>
#include <unistd.h>

#include "common/build_info.h"
#include "common/host_name.h"
#include "common/text.h"
#include "common/utc_time.h"
#include "launch/config/load.h"
#include "launch/config/resume_check.h"
#include "launch/config/show.h"
#include "storage/file/durable_file.h"
#include "storage/file/file_descriptor.h"
#include "storage/file/folder_trust.h"
#include "storage/file/json_fields.h"
#include "storage/run/start_record.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

std::string BuildPath(const std::string& run_folder) { return run_folder + "/build.json"; }

std::string LeftOutPath(const std::string& run_folder) {
  return run_folder + "/left_out_shards.json";
}

std::string ListOf(const std::vector<std::string>& shards) {
  if (shards.empty()) return "all shards";
  return "all shards but " + Join(shards, ", ");
}

/// True for a file that a start may leave behind in a folder that does not hold a run yet.
bool IsLeftByStart(const fs::path& path) {
  return path.filename() == "exit.json" || path.filename() == "starts";
}

/// Refuses a log that is not a regular file of this run. A link could lead to a file elsewhere.
void RequireAppendable(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return;
    ThrowFileError("look at", path, errno);
  }
  if (!S_ISREG(status.st_mode)) {
    throw DataError("'{}' is not a regular file: remove it, or choose another run.dir", path);
  }
  if (::access(path.c_str(), W_OK) != 0) ThrowFileError("append to", path, errno);
}

/// Returns the data hash of the earlier start, or "" if build.json is missing or damaged.
std::string EarlierDataHash(const std::string& folder) {
  std::ifstream file(BuildPath(folder));
  const auto json = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("data") || !json["data"].is_object()) return "";
  return json["data"].value("manifest_sha256", "");
}

void CheckEarlierRun(const Config& config, const RunStart& start) {
  const std::string& folder = config.run.dir;
  if (config.checkpoint.resume == "never") {
    throw ConfigError(
        "run.dir: {} holds a run, and checkpoint.resume is never; choose another folder, or "
        "checkpoint.resume=auto to go on with it",
        folder);
  }
  const std::vector<std::string> differences =
      ForbiddenDifferences(ReadRunConfig(folder, {}), config);
  if (!differences.empty()) {
    throw ConfigError(
        "run.dir: {} holds a run with another configuration:\n  {}\n  choose another folder, or "
        "give the old values to go on with it",
        folder, Join(differences, "\n  "));
  }
  const std::string earlier = EarlierDataHash(folder);
  if (!earlier.empty() && earlier != start.data_hash) {
    throw ConfigError(
        "data.path: {} is not the data set that the run in {} was started with (manifest {:.12}, "
        "then {:.12}); choose another run.dir, or the old data",
        config.data.path, folder, start.data_hash, earlier);
  }
}

std::string BuildText(const Config& config, const RunStart& start) {
  const BuildInfo& build = ThisBuild();
  const nlohmann::ordered_json json = {
      {"started", UtcNow()},
      {"version", build.version},
      {"commit", build.commit},
      {"build",
       {{"type", build.build_type}, {"flavour", build.flavour}, {"compiler", build.compiler}}},
      {"libraries", {{"libtorch", TORCH_VERSION}, {"mpi", build.mpi}, {"hdf5", build.hdf5}}},
      {"command_line", start.arguments},
      {"host", HostName()},
      {"world_size", start.world_size},
      {"device", start.device},
      {"data", {{"path", config.data.path}, {"manifest_sha256", start.data_hash}}},
      {"config_sha256", ConfigHash(config)}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string ConfigPath(const std::string& run_folder) { return run_folder + "/config.yaml"; }
std::string LogPath(const std::string& run_folder) { return run_folder + "/log.txt"; }
std::string MetricsPath(const std::string& run_folder) { return run_folder + "/metrics.jsonl"; }
std::string ModelPath(const std::string& run_folder) { return run_folder + "/model"; }

void RequireWritableRunFolder(const std::string& folder) {
  const fs::path wanted = fs::absolute(folder);
  fs::path place = wanted;
  struct stat status {};
  while (::stat(place.c_str(), &status) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) ThrowFileError("look at run.dir", place, errno);
    place = place.parent_path();
  }
  if (!S_ISDIR(status.st_mode)) throw ConfigError("run.dir: {} is not a folder", place.string());
  const bool is_new = place != wanted;
  if (is_new && ::access(place.c_str(), W_OK | X_OK) != 0) {
    ThrowFileError("make run.dir in", place, errno);
  }
  if (!is_new && ::access(place.c_str(), W_OK | X_OK | R_OK) != 0) {
    ThrowFileError("write to run.dir", place, errno);
  }
}

void OpenRunFolder(const std::string& folder) {
  RequireWritableRunFolder(folder);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) ThrowFileError("make run.dir", folder, error.value());
  RequireTrustedFolder(folder);
  for (const std::string& path : {LogPath(folder), MetricsPath(folder)}) RequireAppendable(path);
  if (fs::exists(ConfigPath(folder))) return;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (IsLeftByStart(entry.path())) continue;
    throw ConfigError(
        "run.dir: {} is not empty and holds no run (there is {}); choose a new folder", folder,
        entry.path().filename().string());
  }
}

void PrepareRunFolder(const Config& config, const RunStart& start) {
  const std::string& folder = config.run.dir;
  if (fs::exists(ConfigPath(folder))) CheckEarlierRun(config, start);
  // "." is relative to the file, so a copy of the run folder is a run folder, too.
  Config relocatable = config;
  relocatable.run.dir = std::string(".");
  WriteFileDurably(ConfigPath(folder), ShowConfig(relocatable, /*minimal=*/false), kSharedFile);
  WriteFileDurably(BuildPath(folder), BuildText(config, start), kSharedFile);
}

void RecordLeftOutShards(const Config& config, const std::vector<std::string>& files,
                         int64_t newest_step) {
  const std::string& folder = config.run.dir;
  const std::vector<std::string> earlier = LeftOutShards(folder);
  if (files == earlier) return;
  if (newest_step > 0) {
    throw ConfigError(
        "run.dir: {} was trained with {} of {}, and now {} can be used; bring the shards back to "
        "that state to go on with it, or choose another run.dir",
        folder, ListOf(earlier), config.data.path, ListOf(files));
  }
  WriteFileDurably(LeftOutPath(folder), nlohmann::json({{"left_out", files}}).dump(2) + "\n",
                   kSharedFile);
}

std::vector<std::string> LeftOutShards(const std::string& run_folder) {
  constexpr int64_t kMaxBytes = int64_t{64} << 20;
  const FileDescriptor file = FileDescriptor::OpenIfPresent(LeftOutPath(run_folder));
  if (!file.is_open()) return {};
  const std::string where = "'" + file.path() + "'";
  const nlohmann::json json = ParseJson(ReadWholeFile(file, kMaxBytes), /*max_depth=*/2, where);
  JsonFields fields(json, where);
  std::vector<std::string> files;
  for (const nlohmann::json& name : fields.Array("left_out")) {
    if (!name.is_string()) throw DataError("{}: left_out is no list of files", where);
    files.push_back(name.get<std::string>());
  }
  fields.Finish();
  return files;
}

void RequireProgress(const Config& config, int64_t newest_step) {
  const int64_t limit = config.checkpoint.max_fruitless_starts;
  if (limit == 0) return;
  const int64_t count = FruitlessStarts(ReadStarts(config.run.dir), newest_step);
  if (count < limit) return;
  throw NumericError(
      "run.dir: the last {} starts in {} ended without a checkpoint newer than step {}, so another "
      "one would as well; look for the cause in {} and in the output of the job, then start with "
      "checkpoint.max_fruitless_starts=0",
      count, config.run.dir, newest_step, LogPath(config.run.dir));
}

Config ReadRunConfig(const std::string& run_folder, const std::vector<std::string>& overrides) {
  if (!fs::exists(ConfigPath(run_folder))) {
    throw ConfigError("{}: holds no run (no config.yaml)", run_folder);
  }
  return LoadConfig({.files = {ConfigPath(run_folder)}, .overrides = overrides}).config;
}

}  // namespace hearth

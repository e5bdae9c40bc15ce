#include "storage/checkpoint/folder.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <string_view>

#include <fnmatch.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include "common/error.h"
#include "common/text.h"
#include "storage/file/file_descriptor.h"
#include "storage/file/file_system.h"

namespace hearth {
namespace {

std::string StepName(int64_t step) { return fmt::format("step-{:06}", step); }

/// The mode of the file of this name; 0 when the name does not exist. Follows no link. A name that
/// cannot be looked at is an error: a checkpoint must not be missed because the storage was busy.
mode_t ModeOf(const std::string& path) {
  struct stat status {};
  const int answer = FileSystem::Current().StatusOf(path, &status);
  if (answer >= 0) return status.st_mode;
  if (answer != -ENOENT && answer != -ENOTDIR) ThrowFileError("look at", path, -answer);
  return 0;
}

void RemoveOwnFile(const std::string& path) {
  const int answer = FileSystem::Current().RemoveFile(path);
  if (answer < 0 && answer != -ENOENT) ThrowFileError("remove", path, -answer);
}

bool IsRealFolder(const std::string& path) { return S_ISDIR(ModeOf(path)); }

/// The fields of the name "step-000123.tmp-RUNID-START".
struct UnfinishedName {
  int64_t step = 0;
  std::string run_id;
  int64_t start = 0;
};

std::optional<UnfinishedName> ParseUnfinishedName(const std::string& name) {
  static constexpr std::string_view kMark = ".tmp-";
  const size_t mark = name.find(kMark), dash = name.rfind('-');
  if (mark == std::string::npos || dash < mark + kMark.size()) return std::nullopt;
  const std::optional<int64_t> step = ParseStepName(name.substr(0, mark));
  UnfinishedName parsed;
  if (!step || !ParseInt64(name.substr(dash + 1), &parsed.start)) return std::nullopt;
  parsed.step = *step;
  parsed.run_id = name.substr(mark + kMark.size(), dash - mark - kMark.size());
  return parsed;
}

/// Patterns of fnmatch(3) with GNU's FNM_EXTMATCH: +(x) matches x once or more, @(x|y) matches one
/// of them, ?(x) matches x or nothing.
constexpr const char* kOwnFile =
    "@(MANIFEST.json|part-[0-9][0-9][0-9][0-9]+([0-9])-of-[0-9][0-9][0-9][0-9]+([0-9]).h5)"
    "?(.tmp-+([0-9])-+([0-9]))";
constexpr const char* kUnfinishedHint = "LATEST.tmp-+([0-9])-+([0-9])";

bool Matches(const std::string& name, const char* pattern) {
  return ::fnmatch(pattern, name.c_str(), FNM_EXTMATCH) == 0;
}

/// False when `from` is gone: its writer has just finished or removed it.
bool Rename(const std::string& from, const std::string& to) {
  const int answer = FileSystem::Current().Rename(from, to);
  if (answer < 0 && answer != -ENOENT) {
    ThrowFileError(fmt::format("rename '{}' to", from), to, -answer);
  }
  return answer >= 0;
}

}  // namespace

std::vector<std::string> EntriesOf(const std::string& folder) {
  std::vector<std::string> names;
  const int answer = FileSystem::Current().List(folder, &names);
  if (answer < 0) ThrowFileError("list", folder, -answer);
  return names;
}

std::string CheckpointsFolder(const std::string& run_dir) { return run_dir + "/checkpoints"; }

std::string CheckpointPath(const std::string& run_dir, int64_t step) {
  return CheckpointsFolder(run_dir) + "/" + StepName(step);
}

std::string TemporaryCheckpointPath(const std::string& run_dir, int64_t step,
                                    const std::string& run_id, int64_t start) {
  return fmt::format("{}.tmp-{}-{}", CheckpointPath(run_dir, step), run_id, start);
}

std::string SiblingCheckpointPath(const std::string& checkpoint, int64_t step) {
  const std::filesystem::path path = std::filesystem::absolute(checkpoint).lexically_normal();
  const bool ends_with_slash = !path.has_filename();
  return (ends_with_slash ? path.parent_path() : path).parent_path().string() + "/" +
         StepName(step);
}

std::optional<int64_t> ParseStepName(const std::string& name) {
  int64_t step = 0;
  if (!name.starts_with("step-") || !ParseInt64(name.substr(5), &step) || step < 0 ||
      StepName(step) != name) {
    return std::nullopt;
  }
  return step;
}

std::vector<int64_t> ListSteps(const std::string& run_dir) {
  const std::string folder = CheckpointsFolder(run_dir);
  std::vector<int64_t> steps;
  if (!PathExists(folder)) return steps;
  for (const std::string& name : EntriesOf(folder)) {
    const std::optional<int64_t> step = ParseStepName(name);
    if (step && IsRealFolder(folder + "/" + name)) steps.push_back(*step);
  }
  std::ranges::sort(steps);
  return steps;
}

std::vector<CheckpointInfo> ListCheckpoints(const std::string& run_dir) {
  std::vector<CheckpointInfo> checkpoints;
  std::map<int64_t, std::string> sound;  // [step] manifest hash
  for (const int64_t step : ListSteps(run_dir)) {
    CheckpointInfo info;
    info.path = CheckpointPath(run_dir, step);
    info.step = step;
    try {
      const CheckpointManifest manifest = ReadCheckpointManifest(info.path);
      info.epoch = manifest.epoch;
      info.metric = manifest.metric;
      info.size_bytes = manifest.size_bytes();
      if (manifest.base) {
        info.base_step = manifest.base->step;
        const auto base = sound.find(manifest.base->step);
        if (base == sound.end() || base->second != manifest.base->manifest_sha256) {
          throw DataError("its base, step {}, is missing, damaged or another one than it was",
                          manifest.base->step);
        }
      }
      sound[step] = manifest.sha256;
    } catch (const Error& error) {
      info.problem = error.what();
    }
    checkpoints.push_back(std::move(info));
  }
  return checkpoints;
}

CheckpointManifest ReadCheckpointManifest(const std::string& path) {
  const std::string file = path + "/" + kManifestFile;
  const FileDescriptor text = FileDescriptor::OpenIfPresent(file, Links::kRefuse);
  if (!text.is_open()) throw DataError("'{}' has no {}: not a checkpoint", path, kManifestFile);
  CheckpointManifest manifest =
      ParseManifest(ReadWholeFile(text, CheckpointManifest::kMaxSizeBytes), "'" + file + "'");
  const std::optional<int64_t> named =
      ParseStepName(std::filesystem::path(path).lexically_normal().filename().string());
  if (named && *named != manifest.step) {
    throw DataError("'{}' holds step {}, not the step of its folder's name", file, manifest.step);
  }
  return manifest;
}

bool PathExists(const std::string& path) { return ModeOf(path) != 0; }

bool RemoveCheckpointFolder(const std::string& path) {
  if (!IsRealFolder(path)) return false;
  bool only_own = true;
  for (const std::string& name : EntriesOf(path)) {
    const std::string file = path + "/" + name;
    const bool own = Matches(name, kOwnFile) && !IsRealFolder(file);
    if (own) RemoveOwnFile(file);
    only_own = only_own && own;
  }
  if (!only_own) return false;
  const int answer = FileSystem::Current().RemoveFolder(path);
  if (answer < 0 && answer != -ENOENT) ThrowFileError("remove folder", path, -answer);
  return true;
}

void RemoveLeftovers(const std::string& run_dir, int64_t start) {
  const std::string folder = CheckpointsFolder(run_dir);
  if (!PathExists(folder)) return;
  for (const std::string& name : EntriesOf(folder)) {
    if (Matches(name, kUnfinishedHint)) RemoveOwnFile(folder + "/" + name);
    const std::optional<UnfinishedName> unfinished = ParseUnfinishedName(name);
    if (!unfinished || unfinished->start > start) continue;
    const std::string own =
        TemporaryCheckpointPath(run_dir, unfinished->step, unfinished->run_id, start);
    if (unfinished->start < start && !Rename(folder + "/" + name, own)) continue;
    try {
      if (RemoveCheckpointFolder(own)) {
        spdlog::info("removed '{}/{}', left by a save that did not finish", folder, name);
      } else {
        spdlog::warn("'{}' holds files hearth did not write: left in place", own);
      }
    } catch (const PermissionError& error) {  // it belongs to another user
      spdlog::warn("{}; it is in nobody's way and left in place", error.what());
    }
  }
}

}  // namespace hearth

#include "storage/checkpoint/writer.h"

#include <algorithm>
#include <functional>
#include <ranges>
#include <set>
#include <utility>

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include "common/error.h"
#include "storage/checkpoint/folder.h"
#include "storage/checkpoint/piece_file.h"
#include "storage/checkpoint/reader.h"
#include "storage/file/durable_file.h"

namespace hearth {
namespace {

void CheckTouched(const NamedArray& array) {
  const auto& [name, range, offsets] = *array.touched;
  HEARTH_CHECK(IsArrayName(name) && range == array.rows && range.size() <= TouchedRows::kMostRows,
               "'{}': touched rows '{}' of {}", array.name, name, range.size());
  HEARTH_CHECK(std::ranges::adjacent_find(offsets, std::greater_equal()) == offsets.end() &&
                   (offsets.empty() || int64_t{offsets.back()} < range.size()),
               "'{}': touched rows '{}' of {}", array.name, name, range.size());
}

void CheckArray(const NamedArray& array, const PieceHeader& header) {
  HEARTH_CHECK(IsArrayName(array.name), "array name '{}'", array.name);
  HEARTH_CHECK(!array.spec.shape.empty(), "'{}' has no dimensions", array.name);
  HEARTH_CHECK(0 <= array.rows.begin && array.rows.begin <= array.rows.end &&
                   array.rows.end <= array.spec.row_count(),
               "'{}': rows {}..{} of {}", array.name, array.rows.begin, array.rows.end,
               array.spec.ToString());
  if (array.touched) CheckTouched(array);
  const int64_t found = FirstNonFiniteRow(array.spec, array.held_rows(), array.data);
  if (found >= 0) {
    const int64_t row = array.touched ? int64_t{array.touched->offsets[found]} : found;
    throw NumericError(
        "checkpoint of step {}: '{}' is not finite in row {} (rank {}); nothing was saved: lower "
        "the learning rates or resume from the last checkpoint",
        header.step, array.name, array.rows.begin + row, header.rank);
  }
}

std::vector<NamedArray> CheckedAndSorted(std::span<const NamedArray> arrays,
                                         const PieceHeader& header) {
  std::vector<NamedArray> sorted(arrays.begin(), arrays.end());
  std::ranges::stable_sort(sorted, [](const NamedArray& a, const NamedArray& b) {
    return std::tie(a.name, a.rows.begin) < std::tie(b.name, b.rows.begin);
  });
  for (const NamedArray& array : sorted) CheckArray(array, header);
  return sorted;
}

std::map<std::string, PieceArray> RecordOf(std::span<const NamedArray> sorted) {
  std::map<std::string, PieceArray> record;
  for (const NamedArray& array : sorted) {
    PieceArray& entry =
        record.try_emplace(array.name, PieceArray{array.spec, {}, {}}).first->second;
    HEARTH_CHECK(entry.spec == array.spec, "'{}' given as {} and {}", array.name,
                 entry.spec.ToString(), array.spec.ToString());
    if (array.touched) {
      HEARTH_CHECK(!entry.touched, "'{}' is given twice", array.name);
      entry.touched = TouchedRecord{array.touched->name, array.rows, array.held_rows()};
      continue;
    }
    if (array.rows.size() == 0) continue;
    HEARTH_CHECK(entry.slices.empty() || entry.slices.back().end <= array.rows.begin,
                 "two slices of '{}' hold row {}", array.name, array.rows.begin);
    entry.slices.push_back(array.rows);
  }
  return record;
}

/// Decides about a step that is committed already, or a file in its place. Returns true if the old
/// checkpoint has the same content: it stays. Returns false if it was damaged: it is renamed, and
/// the place is free now. Throws, and moves nothing, if it cannot be read now (no DataError): it
/// may be sound.
bool KeepsExisting(const std::string& existing, const std::string& temporary_path) {
  try {
    VerifyCheckpoint(existing);
  } catch (const DataError& error) {
    std::string aside;
    for (int number = 1; aside.empty() || PathExists(aside); ++number) {
      aside = fmt::format("{}.damaged-{}", existing, number);
    }
    spdlog::warn("{}; it stands in the way of the same step: renamed to '{}'", error.what(), aside);
    RenameDurably(existing, aside);
    return false;
  }
  if (ContentHash(CheckpointReader(existing)) !=
      ContentHash(CheckpointReader(temporary_path, Author::kThisJob))) {
    throw DataError(
        "'{}' is committed already with other content, and a committed step is never replaced: "
        "give a new run.dir, or move the newer checkpoints of this run away",
        existing);
  }
  return true;
}

/// The steps of the newest `keep` of these checkpoints (ascending), of the pinned ones, and of
/// their bases.
std::set<int64_t> StepsNeeded(std::span<const CheckpointInfo> checkpoints, int64_t keep,
                              std::span<const int64_t> pinned_steps) {
  std::set<int64_t> needed(pinned_steps.begin(), pinned_steps.end());
  std::set<int64_t> steps;
  int64_t place = 0;
  for (const CheckpointInfo& info : std::views::reverse(checkpoints)) {
    if (place++ >= keep && !needed.contains(info.step)) continue;
    steps.insert(info.step);
    if (info.base_step) needed.insert(*info.base_step);
  }
  return steps;
}

void WriteHint(const std::string& run_dir, const std::string& committed) {
  try {
    WriteFileDurably(CheckpointsFolder(run_dir) + "/LATEST",
                     committed.substr(committed.rfind('/') + 1) + "\n");
  } catch (const Error& error) {
    spdlog::warn("{} is committed, but its hint for people is not written: {}", committed,
                 error.what());
  }
}

}  // namespace

std::string PrepareCheckpoint(const std::string& run_dir, int64_t step, const std::string& run_id,
                              int64_t start) {
  HEARTH_CHECK(IsPlainName(run_id) && run_id.size() <= 64, "run id '{}'", run_id);
  HEARTH_CHECK(step >= 0);
  const std::string folder = CheckpointsFolder(run_dir);
  if (!PathExists(folder)) MakeFolder(folder, 0777);
  // This happens at every save: an earlier one may have made the folder and failed before the sync.
  SyncFolder(run_dir);
  RemoveLeftovers(run_dir, start);
  const std::string path = TemporaryCheckpointPath(run_dir, step, run_id, start);
  if (PathExists(path)) {
    throw StorageError("'{}' is in the way of a new checkpoint: move it away", path);
  }
  MakeFolder(path, 0700);
  return path;
}

CheckpointPiece WriteCheckpointPiece(const std::string& temporary_path, const PieceHeader& header,
                                     std::span<const NamedArray> arrays) {
  HEARTH_CHECK(0 <= header.rank && header.rank < header.world_size);
  const std::vector<NamedArray> sorted = CheckedAndSorted(arrays, header);
  CheckpointPiece piece;
  piece.file = PieceFileName(header.rank, header.world_size);
  piece.rank = header.rank;
  piece.arrays = RecordOf(sorted);
  const std::string path = temporary_path + "/" + piece.file;
  PendingFile file(path);
  const WrittenFile written = WritePieceFile(file.temporary_path(), header, sorted);
  file.Commit();
  piece.size_bytes = written.size_bytes;
  piece.sha256 = written.sha256;
  return piece;
}

std::string CommitCheckpoint(const std::string& run_dir, const std::string& temporary_path,
                             const CheckpointManifest& manifest) {
  WriteFileDurably(temporary_path + "/" + kManifestFile, SerializeManifest(manifest));
  // The reader lists the files and compares their sizes, so it notices a piece never written.
  const CheckpointReader written(temporary_path, Author::kThisJob);
  const std::string target = CheckpointPath(run_dir, manifest.step);
  if (PathExists(target) && KeepsExisting(target, temporary_path)) {
    SyncFolder(CheckpointsFolder(run_dir));  // the save that renamed it may have failed to sync
    AbandonCheckpoint(temporary_path);
    return target;
  }
  RenameDurably(temporary_path, target);
  WriteHint(run_dir, target);
  return target;
}

void AbandonCheckpoint(const std::string& temporary_path) noexcept {
  try {
    RemoveCheckpointFolder(temporary_path);
  } catch (const std::exception& error) {
    spdlog::warn("an unfinished checkpoint stays until the next save: {}", error.what());
  }
}

std::vector<int64_t> PruneCheckpoints(const std::string& run_dir, int64_t keep,
                                      std::span<const int64_t> pinned_steps) {
  HEARTH_CHECK(keep >= 1);
  std::vector<CheckpointInfo> sound = ListCheckpoints(run_dir);
  std::erase_if(sound, [](const CheckpointInfo& info) { return !info.problem.empty(); });
  const std::set<int64_t> needed = StepsNeeded(sound, keep, pinned_steps);
  std::vector<int64_t> removed;
  if (std::ssize(needed) == std::ssize(sound)) return removed;
  VerifyCheckpoint(sound.back().path, Author::kThisJob);
  for (const CheckpointInfo& info : std::views::reverse(sound)) {  // no base before its deltas
    if (needed.contains(info.step)) continue;
    // The folder is renamed first: a crash in the middle must not leave a step that looks
    // committed.
    const std::string aside =
        TemporaryCheckpointPath(run_dir, info.step, ReadCheckpointManifest(info.path).run_id, 0);
    RenameDurably(info.path, aside);
    RemoveCheckpointFolder(aside);
    removed.push_back(info.step);
  }
  std::ranges::reverse(removed);
  return removed;
}

}  // namespace hearth

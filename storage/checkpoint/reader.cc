#include "storage/checkpoint/reader.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include <sys/stat.h>

#include "common/hash.h"
#include "common/text.h"
#include "storage/checkpoint/folder.h"
#include "storage/checkpoint/part_file.h"

namespace hearth {
namespace {

/// The files in the folder are the manifest's, regular and of the recorded size.
void CheckFiles(const std::string& path, const CheckpointManifest& manifest) {
  std::set<std::string> expected = {kManifestFile};
  for (const CheckpointPart& part : manifest.parts) {
    const std::string file = path + "/" + part.file;
    struct stat status {};
    if (::lstat(file.c_str(), &status) != 0) {
      throw DataError("'{}' is missing: the checkpoint is incomplete", file);
    }
    if (!S_ISREG(status.st_mode)) throw DataError("'{}' is not a regular file", file);
    if (status.st_size != part.size_bytes) {
      throw DataError("'{}' has {} bytes, the manifest says {}: damaged", file, status.st_size,
                      part.size_bytes);
    }
    expected.insert(part.file);
  }
  std::error_code error;
  for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!expected.contains(name)) {
      throw DataError("'{}/{}' is not part of the checkpoint: remove it", path, name);
    }
  }
  if (error) ThrowFileError("list", path, error.value());
}

PartHeader HeaderOf(const CheckpointManifest& manifest, int rank) {
  return {manifest.run_id, manifest.step, rank, manifest.world_size};
}

}  // namespace

CheckpointReader::CheckpointReader(std::string path)
    : path_(std::move(path)),
      manifest_(ReadCheckpointManifest(path_)),
      arrays_(manifest_.Arrays(path_)) {
  CheckFiles(path_, manifest_);
  parts_.resize(manifest_.parts.size());
}

CheckpointReader::~CheckpointReader() = default;
CheckpointReader::CheckpointReader(CheckpointReader&&) noexcept = default;
CheckpointReader& CheckpointReader::operator=(CheckpointReader&&) noexcept = default;

const ArraySpec& CheckpointReader::Spec(const std::string& name) const {
  const auto found = arrays_.find(name);
  if (found != arrays_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, spec] : arrays_) names.push_back(known);
  throw DataError("'{}' has no array '{}'{}", path_, name, DidYouMean(name, names));
}

const ArraySpec& CheckpointReader::RequireType(const std::string& name, ColumnType type) const {
  const ArraySpec& spec = Spec(name);
  if (spec.type != type) {
    throw DataError("'{}': '{}' is {}, expected {}", path_, name, spec.ToString(), NameOf(type));
  }
  return spec;
}

const PartFile& CheckpointReader::OpenPart(size_t index) const {
  std::unique_ptr<PartFile>& part = parts_[index];
  if (part == nullptr) {
    const CheckpointPart& record = manifest_.parts[index];
    const std::string file = path_ + "/" + record.file;
    if (Sha256OfFile(file) != record.sha256) {
      throw DataError("'{}': SHA-256 differs from the manifest: damaged or replaced", file);
    }
    part = std::make_unique<PartFile>(file, HeaderOf(manifest_, record.rank), record);
  }
  return *part;
}

void CheckpointReader::ReadRows(const std::string& name, RowRange rows, void* out) const {
  const ArraySpec& spec = Spec(name);
  HEARTH_CHECK(0 <= rows.begin && rows.begin <= rows.end && rows.end <= spec.row_count(),
               "'{}': rows {}..{} of {}", name, rows.begin, rows.end, spec.ToString());
  for (size_t index = 0; index < manifest_.parts.size(); ++index) {
    const auto& held = manifest_.parts[index].arrays;
    const auto array = held.find(name);
    if (array == held.end()) continue;
    for (const RowRange& slice : array->second.slices) {
      const RowRange wanted{std::max(rows.begin, slice.begin), std::min(rows.end, slice.end)};
      if (wanted.begin >= wanted.end) continue;
      char* const place = static_cast<char*>(out) + (wanted.begin - rows.begin) * spec.row_bytes();
      OpenPart(index).ReadRows(name, spec, slice, wanted, place);
    }
  }
  const int64_t row = FirstNonFiniteRow(spec, rows.size(), out);
  if (row >= 0) throw DataError("'{}': '{}' row {} is not finite", path_, name, rows.begin + row);
}

void CheckpointReader::VerifyAll() const {
  for (size_t index = 0; index < parts_.size(); ++index) OpenPart(index);
}

CheckpointManifest VerifyCheckpoint(const std::string& path) {
  const CheckpointReader reader(path);
  reader.VerifyAll();
  return reader.manifest();
}

std::optional<std::string> FindNewestValid(
    const std::string& run_dir,
    const std::function<void(const std::string& path, const std::string& reason)>& on_refused) {
  std::vector<int64_t> steps = ListSteps(run_dir);
  if (steps.empty()) return std::nullopt;
  std::ranges::reverse(steps);
  for (const int64_t step : steps) {
    std::string path = CheckpointPath(run_dir, step);
    try {
      VerifyCheckpoint(path);
      return path;
    } catch (const PermissionError&) {
      throw;
    } catch (const Error& error) {
      on_refused(path, error.what());
    }
  }
  throw DataError(
      "none of the {} checkpoints in '{}' can be used: restore one from a copy, or start afresh in "
      "another run.dir",
      steps.size(), CheckpointsFolder(run_dir));
}

std::string ContentHash(const CheckpointReader& checkpoint, std::vector<std::string> names) {
  constexpr int64_t kBlockBytes = int64_t{16} << 20;
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  Sha256 hash;
  std::vector<char> block;
  for (const std::string& name : names) {
    const ArraySpec& spec = checkpoint.Spec(name);
    hash.Update(fmt::format("{} {}\n", name, spec.ToString()));
    const int64_t block_rows =
        std::max<int64_t>(1, kBlockBytes / std::max<int64_t>(1, spec.row_bytes()));
    for (int64_t row = 0; row < spec.row_count(); row += block_rows) {
      const RowRange rows{row, std::min(row + block_rows, spec.row_count())};
      block.resize(static_cast<size_t>(rows.size() * spec.row_bytes()));
      checkpoint.ReadRows(name, rows, block.data());
      hash.Update(block.data(), block.size());
    }
  }
  return hash.HexDigest();
}

std::string ContentHash(const CheckpointReader& checkpoint) {
  std::vector<std::string> names;
  for (const auto& [name, spec] : checkpoint.arrays()) names.push_back(name);
  return ContentHash(checkpoint, std::move(names));
}

}  // namespace hearth

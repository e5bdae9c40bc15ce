#include "storage/checkpoint/reader.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/hash.h"
#include "common/text.h"
#include "storage/checkpoint/folder.h"
#include "storage/checkpoint/piece_file.h"
#include "storage/file/folder_trust.h"
#include "storage/file/sandbox.h"

namespace hearth {
namespace {

FileDescriptor OpenPieceFile(const std::string& path, const CheckpointPiece& piece) {
  const std::string name = path + "/" + piece.file;
  FileDescriptor file = FileDescriptor::OpenIfPresent(name, Links::kRefuse);
  if (!file.is_open()) throw DataError("'{}' is missing: the checkpoint is incomplete", name);
  return file;
}

/// Checks that the folder holds the manifest's files and no others, all of them regular and of the
/// recorded size.
void CheckFiles(const std::string& path, const CheckpointManifest& manifest) {
  std::set<std::string> expected = {kManifestFile};
  for (const CheckpointPiece& piece : manifest.pieces) {
    // The file must be opened before its size is asked: another host wrote it, and a network file
    // system may remember an older status of the name.
    const FileDescriptor file = OpenPieceFile(path, piece);
    if (file.SizeBytes() != piece.size_bytes) {
      throw DataError("'{}' has {} bytes, the manifest says {}: damaged", file.path(),
                      file.SizeBytes(), piece.size_bytes);
    }
    expected.insert(piece.file);
  }
  for (const std::string& name : EntriesOf(path)) {
    if (!expected.contains(name)) {
      throw DataError("'{}/{}' is not part of the checkpoint: remove it", path, name);
    }
  }
}

/// The rows that both ranges have. size() <= 0 when there are none.
RowRange Intersection(RowRange a, RowRange b) {
  return {std::max(a.begin, b.begin), std::min(a.end, b.end)};
}

CheckpointManifest ReadTrustedManifest(const std::string& path) {
  RequireTrustedFolder(path);
  return ReadCheckpointManifest(path);
}

PieceHeader HeaderOf(const CheckpointManifest& manifest, int rank) {
  return {manifest.run_id, manifest.step, rank, manifest.world_size};
}

}  // namespace

CheckpointReader::CheckpointReader(std::string path, Author author)
    : CheckpointReader(std::move(path), author, 0) {}

CheckpointReader::CheckpointReader(std::string path, Author author, int chain_length)
    : path_(std::move(path)),
      author_(author),
      manifest_(ReadTrustedManifest(path_)),
      arrays_(manifest_.Arrays(path_)) {
  CheckFiles(path_, manifest_);
  pieces_.resize(manifest_.pieces.size());
  if (manifest_.base) OpenBase(chain_length);
}

void CheckpointReader::OpenBase(int chain_length) {
  if (chain_length == CheckpointManifest::kMostDeltas) {
    throw DataError("'{}' is at the end of more than {} delta checkpoints", path_,
                    CheckpointManifest::kMostDeltas);
  }
  const std::string path = SiblingCheckpointPath(path_, manifest_.base->step);
  if (!PathExists(path)) {
    throw DataError("'{}' holds the changes since '{}', which is missing: restore that one too",
                    path_, path);
  }
  base_.reset(new CheckpointReader(path, author_, chain_length + 1));
  const CheckpointManifest& base = base_->manifest();
  if (base.sha256 != manifest_.base->manifest_sha256 || base.run_id != manifest_.run_id) {
    throw DataError("'{}' holds the changes since another '{}' than there is now", path_, path);
  }
  for (const CheckpointPiece& piece : manifest_.pieces) {
    for (const auto& [name, array] : piece.arrays) {
      if (!array.touched || (base_->Has(name) && base_->Spec(name) == array.spec)) continue;
      throw DataError("'{}': '{}' has touched rows of {}, but '{}' has no such array", path_, name,
                      array.spec.ToString(), path);
    }
  }
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

const PieceFile& CheckpointReader::OpenPiece(size_t index) const {
  std::unique_ptr<PieceFile>& piece = pieces_[index];
  if (piece == nullptr) {
    const CheckpointPiece& record = manifest_.pieces[index];
    FileDescriptor file = OpenPieceFile(path_, record);
    if (Sha256OfContent(file) != record.sha256) {
      throw DataError("'{}': SHA-256 differs from the manifest: damaged or replaced", file.path());
    }
    const PieceHeader header = HeaderOf(manifest_, record.rank);
    // A stranger's checkpoint may have correct hashes, too, so its file is tried in a sandbox.
    if (author_ == Author::kUnknown) {
      RunInSandbox(
          1, {}, [&](int64_t) { return "'" + file.path() + "'"; },
          [&](int64_t) { PieceFile(file.Duplicate(), header, record); });
    }
    piece = std::make_unique<PieceFile>(std::move(file), header, record);
  }
  return *piece;
}

void CheckpointReader::ReadHeldRows(const std::string& name, const ArraySpec& spec, RowRange rows,
                                    char* out) const {
  for (size_t index = 0; index < manifest_.pieces.size(); ++index) {
    const auto& held = manifest_.pieces[index].arrays;
    const auto array = held.find(name);
    if (array == held.end()) continue;
    const auto place_of = [&](RowRange range) {
      return out + (range.begin - rows.begin) * spec.row_bytes();
    };
    for (const RowRange& slice : array->second.slices) {
      const RowRange wanted = Intersection(rows, slice);
      if (wanted.size() <= 0) continue;
      OpenPiece(index).ReadRows(name, spec, slice, wanted, place_of(wanted));
    }
    if (!array->second.touched) continue;
    const TouchedRecord& touched = *array->second.touched;
    const RowRange wanted = Intersection(rows, touched.range);
    if (wanted.size() <= 0) continue;
    base_->ReadHeldRows(name, spec, wanted, place_of(wanted));
    if (touched.count == 0) continue;
    OpenPiece(index).ReadTouched(name, spec, touched, wanted, place_of(wanted));
  }
}

void CheckpointReader::ReadRows(const std::string& name, RowRange rows, void* out) const {
  const ArraySpec& spec = Spec(name);
  HEARTH_CHECK(0 <= rows.begin && rows.begin <= rows.end && rows.end <= spec.row_count(),
               "'{}': rows {}..{} of {}", name, rows.begin, rows.end, spec.ToString());
  ReadHeldRows(name, spec, rows, static_cast<char*>(out));
  const int64_t row = FirstNonFiniteRow(spec, rows.size(), out);
  if (row >= 0) throw DataError("'{}': '{}' row {} is not finite", path_, name, rows.begin + row);
}

void CheckpointReader::VerifyAll() const {
  if (base_) base_->VerifyAll();
  for (size_t index = 0; index < pieces_.size(); ++index) OpenPiece(index);
}

CheckpointManifest VerifyCheckpoint(const std::string& path, Author author) {
  const CheckpointReader reader(path, author);
  reader.VerifyAll();
  return reader.manifest();
}

std::optional<std::string> FindNewestValid(
    const std::string& run_dir,
    const std::function<void(const std::string& path, const std::string& reason)>& on_refused,
    Author author) {
  std::vector<int64_t> steps = ListSteps(run_dir);
  if (steps.empty()) return std::nullopt;
  std::ranges::reverse(steps);
  for (const int64_t step : steps) {
    std::string path = CheckpointPath(run_dir, step);
    try {
      VerifyCheckpoint(path, author);
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
      block.resize(rows.size() * spec.row_bytes());
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

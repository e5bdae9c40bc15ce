#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/error.h"
#include "storage/checkpoint/array.h"
#include "storage/checkpoint/manifest.h"

namespace hearth {

class PartFile;

/// Who wrote a checkpoint.
enum class Author {
  kUnknown,  ///< HDF5 meets its parts in a sandbox first (storage/file/sandbox.h)
  kThisJob,
};

/// Reads a committed checkpoint, whole arrays or rows of them, whatever number of ranks wrote it;
/// of a delta checkpoint also the chain of its bases, which are beside it.
/// The manifest, the list of files and their sizes are checked at construction; the SHA-256 of a
/// part file before HDF5 first opens it, so a rank hashes only what it reads. Not thread safe.
/// All failures throw DataError (damaged, missing, extra, unlike the manifest) or StorageError
/// (cannot be read), naming the file.
class CheckpointReader {
 public:
  explicit CheckpointReader(std::string path, Author author = Author::kUnknown);
  ~CheckpointReader();
  CheckpointReader(CheckpointReader&&) noexcept;
  CheckpointReader& operator=(CheckpointReader&&) noexcept;

  const std::string& path() const { return path_; }
  const CheckpointManifest& manifest() const { return manifest_; }
  /// What a delta checkpoint was made from; null for a whole one.
  const CheckpointReader* base() const { return base_.get(); }
  /// Every array by name.
  const std::map<std::string, ArraySpec>& arrays() const { return arrays_; }
  bool Has(const std::string& name) const { return arrays_.contains(name); }
  /// Throws DataError naming the nearest array if there is none of this name.
  const ArraySpec& Spec(const std::string& name) const;

  /// Copies rows of an array, row-major, into `out` of rows.size() * row_bytes() bytes.
  void ReadRows(const std::string& name, RowRange rows, void* out) const;

  /// Rows of an array that must be of type T (else DataError).
  template <typename T>
  std::vector<T> ReadRows(const std::string& name, RowRange rows) const {
    const ArraySpec& spec = RequireType(name, ColumnTypeOf<T>());
    const int64_t width = spec.row_bytes() / static_cast<int64_t>(sizeof(T));
    std::vector<T> values(static_cast<size_t>(rows.size() * width));
    ReadRows(name, rows, values.data());
    return values;
  }
  /// The whole array.
  template <typename T>
  std::vector<T> Read(const std::string& name) const {
    return ReadRows<T>(name, {0, Spec(name).row_count()});
  }

  /// Hashes every part file, of all bases too, and compares the contents of each with the manifest.
  void VerifyAll() const;

 private:
  CheckpointReader(std::string path, Author author, int chain_length);
  void OpenBase(int chain_length);
  const ArraySpec& RequireType(const std::string& name, ColumnType type) const;
  const PartFile& OpenPart(size_t index) const;
  void ReadHeldRows(const std::string& name, const ArraySpec& spec, RowRange rows, char* out) const;

  std::string path_;
  Author author_;
  CheckpointManifest manifest_;
  std::map<std::string, ArraySpec> arrays_;
  std::unique_ptr<CheckpointReader> base_;
  mutable std::vector<std::unique_ptr<PartFile>> parts_;  // [rank], opened on first use
};

/// Opens a checkpoint and verifies all of it. Throws like CheckpointReader.
CheckpointManifest VerifyCheckpoint(const std::string& path, Author author = Author::kUnknown);

/// The newest checkpoint of a run that passes VerifyCheckpoint; nothing if the run has none at all.
/// `on_refused(path, reason)` is called for each newer one that did not pass: say it loudly.
/// Throws DataError if there are checkpoints but none passes: never a silent fresh start.
/// Rank 0 only: it tells the others the path.
std::optional<std::string> FindNewestValid(
    const std::string& run_dir,
    const std::function<void(const std::string& path, const std::string& reason)>& on_refused,
    Author author = Author::kUnknown);

/// SHA-256 over the named arrays: for each, in order of name, its name, element type, shape and
/// bytes in row order (docs/checkpoint-format.md). Independent of how many ranks wrote them.
std::string ContentHash(const CheckpointReader& checkpoint, std::vector<std::string> names);
/// Over all arrays.
std::string ContentHash(const CheckpointReader& checkpoint);

}  // namespace hearth

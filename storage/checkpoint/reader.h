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

class PieceFile;

/// The writer of a checkpoint.
enum class Author {
  kUnknown,  ///< HDF5 opens its pieces in a sandbox first (storage/file/sandbox.h)
  kThisJob,
};

/// Reads whole arrays or rows from a committed checkpoint, no matter how many ranks wrote it. For a
/// delta checkpoint it also reads the chain of bases next to it.
/// The constructor checks the manifest, the list of files and their sizes. The SHA-256 of a piece
/// is checked before HDF5 first opens it, so that a rank hashes no piece in vain. Not thread safe.
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
  /// The base of a delta checkpoint; null for a whole checkpoint.
  const CheckpointReader* base() const { return base_.get(); }
  /// Every array by name.
  const std::map<std::string, ArraySpec>& arrays() const { return arrays_; }
  bool Has(const std::string& name) const { return arrays_.contains(name); }
  /// Throws DataError naming the most similar name if no array has this name.
  const ArraySpec& Spec(const std::string& name) const;

  /// Copies rows of an array, row-major, into `out` of rows.size() * row_bytes() bytes.
  void ReadRows(const std::string& name, RowRange rows, void* out) const;

  /// Returns rows of an array. The array must be of type T (else DataError).
  template <typename T>
  std::vector<T> ReadRows(const std::string& name, RowRange rows) const {
    const ArraySpec& spec = RequireType(name, ColumnTypeOf<T>());
    const int64_t width = spec.row_bytes() / SizeOf(spec.type);
    std::vector<T> values(rows.size() * width);
    ReadRows(name, rows, values.data());
    return values;
  }
  /// Returns the whole array.
  template <typename T>
  std::vector<T> Read(const std::string& name) const {
    return ReadRows<T>(name, {0, Spec(name).row_count()});
  }

  /// Hashes every piece, also of all bases, and compares the content of each with the manifest.
  void VerifyAll() const;

 private:
  CheckpointReader(std::string path, Author author, int chain_length);
  void OpenBase(int chain_length);
  const ArraySpec& RequireType(const std::string& name, ColumnType type) const;
  const PieceFile& OpenPiece(size_t index) const;
  void ReadHeldRows(const std::string& name, const ArraySpec& spec, RowRange rows, char* out) const;

  std::string path_;
  Author author_;
  CheckpointManifest manifest_;
  std::map<std::string, ArraySpec> arrays_;
  std::unique_ptr<CheckpointReader> base_;
  mutable std::vector<std::unique_ptr<PieceFile>> pieces_;  // [rank], opened on first use
};

/// Opens a checkpoint and verifies all of it. Throws like CheckpointReader.
CheckpointManifest VerifyCheckpoint(const std::string& path, Author author = Author::kUnknown);

/// Returns the newest checkpoint of a run that passes VerifyCheckpoint, or nothing if the run has
/// no checkpoint. Calls `on_refused(path, reason)` for each newer checkpoint that did not pass: the
/// caller should report it loudly. Throws DataError if there are checkpoints but none passes,
/// because a run must never silently start afresh. Rank 0 alone calls this and sends the path to
/// the others.
std::optional<std::string> FindNewestValid(
    const std::string& run_dir,
    const std::function<void(const std::string& path, const std::string& reason)>& on_refused,
    Author author = Author::kUnknown);

/// SHA-256 over the named arrays: for each, in order of name, its name, element type, shape and
/// bytes in row order (docs/checkpoint-format.md). The number of ranks that wrote them does not
/// matter.
std::string ContentHash(const CheckpointReader& checkpoint, std::vector<std::string> names);
/// The same over all arrays.
std::string ContentHash(const CheckpointReader& checkpoint);

}  // namespace hearth

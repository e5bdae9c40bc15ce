#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "storage/checkpoint/manifest.h"
#include "storage/checkpoint/writer.h"
#include "storage/file/file_descriptor.h"
#include "storage/file/hdf5.h"

namespace hearth {

/// Writes the HDF5 content of one piece (docs/checkpoint-format.md): the header as attributes of
/// the root, each non-empty slice as the contiguous dataset /arrays/NAME/rows-BEGIN, touched rows
/// as /arrays/NAME/touched and their offsets as /touched/NAME. The same input gives the same bytes.
/// The arrays must not change during the call. The caller syncs the file. Throws StorageError
/// naming it.
WrittenFile WritePieceFile(const std::string& path, const PieceHeader& header,
                           std::span<const NamedArray> arrays);

/// Reads one piece. The caller has verified the SHA-256 through the same descriptor.
class PieceFile {
 public:
  /// Checks the root attributes against `header`, type and shape of every slice of `record`, and
  /// the offsets of touched rows. Throws DataError naming the file and the difference.
  PieceFile(FileDescriptor descriptor, const PieceHeader& header, const CheckpointPiece& record);

  /// Copies `rows` (counted in the whole array) to `out`. `slice` must contain them.
  void ReadRows(const std::string& name, const ArraySpec& spec, RowRange slice, RowRange rows,
                void* out) const;
  /// Copies the touched rows among `rows`, each to its place in `out`.
  void ReadTouched(const std::string& name, const ArraySpec& spec, const TouchedRecord& touched,
                   RowRange rows, char* out) const;

 private:
  void Locate(const Hdf5File& file, const std::string& name, const ArraySpec& spec,
              int64_t row_begin, const std::string& dataset);
  void ReadOffsets(const Hdf5File& file, const TouchedRecord& touched);

  FileDescriptor file_;
  std::map<std::pair<std::string, int64_t>, int64_t> offsets_;  // [name, first row] -> byte offset
  std::map<std::string, std::vector<uint32_t>> touched_;        // [name] TouchedRows::offsets
};

}  // namespace hearth

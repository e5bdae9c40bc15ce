#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "storage/checkpoint/manifest.h"
#include "storage/checkpoint/writer.h"
#include "storage/file/file_descriptor.h"
#include "storage/file/hdf5.h"

namespace hearth {

/// Writes the HDF5 content of one part (docs/checkpoint-format.md): the header as attributes of the
/// root, each non-empty slice as the contiguous dataset /arrays/NAME/rows-BEGIN. Same input, same
/// bytes. The arrays must stay as they are meanwhile. The caller syncs the file. Throws
/// StorageError naming it.
WrittenFile WritePartFile(const std::string& path, const PartHeader& header,
                          std::span<const NamedArray> arrays);

/// A part file; of the descriptor it is made with the caller has verified the SHA-256.
class PartFile {
 public:
  /// Checks the root attributes against `header` and type and shape of every slice of `record`.
  /// Throws DataError naming the file and what differs.
  PartFile(FileDescriptor descriptor, const PartHeader& header, const CheckpointPart& record);

  /// Rows `rows` (counted in the whole array) out of `slice`, which contains them, into `out`.
  void ReadRows(const std::string& name, const ArraySpec& spec, RowRange slice, RowRange rows,
                void* out) const;

 private:
  FileDescriptor file_;
  std::map<std::pair<std::string, int64_t>, int64_t> offsets_;  // [name, first row] -> byte offset
};

}  // namespace hearth

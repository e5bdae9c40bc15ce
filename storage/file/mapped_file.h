#pragma once

#include <cstdint>
#include <string>

#include "storage/file/file_descriptor.h"
#include "storage/file/mapping_watch.h"

namespace hearth {

/// A read-only memory mapping of a whole file. The mapping holds no descriptor, so thousands of
/// files can be mapped at once. Throws PermissionError or StorageError naming the file.
/// The file must not be truncated while it is mapped: data sets are immutable once they are listed.
/// Reading bytes that are gone ends the process (MappingWatch).
class MappedFile {
 public:
  explicit MappedFile(const FileDescriptor& file);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  const char* data() const { return data_; }
  int64_t size_bytes() const { return size_bytes_; }
  /// Asks the kernel to read the file ahead; returns at once.
  void Prefetch() const;

 private:
  char* data_ = nullptr;  // null when the file is empty
  int64_t size_bytes_ = 0;
  MappingWatch watch_;
};

}  // namespace hearth

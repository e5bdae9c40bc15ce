#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "storage/checkpoint/array.h"
#include "storage/file/file_descriptor.h"

namespace hearth {

/// Where tensors lie in a file of the safetensors format (https://huggingface.co/docs/safetensors):
/// the size of the header in 8 bytes, the header as JSON, the values of the tensors one behind the
/// other. Everything is little-endian, values are row-major.
class SafetensorsLayout {
 public:
  static constexpr int64_t kPageBytes = 4096;

  /// tensors: by name. metadata: what else the header says.
  SafetensorsLayout(const std::map<std::string, ArraySpec>& tensors,
                    const std::map<std::string, std::string>& metadata);

  /// The begin of the file: the two first parts. Their size is a multiple of kPageBytes.
  const std::string& head() const { return head_; }
  /// First byte of a tensor in the file.
  int64_t OffsetOf(const std::string& tensor) const { return offsets_.at(tensor); }
  /// Size of the whole file.
  int64_t size_bytes() const { return size_bytes_; }

 private:
  std::string head_;
  std::map<std::string, int64_t> offsets_;
  int64_t size_bytes_ = 0;
};

/// A file of the format, opened for reading. Nothing in it is trusted.
class SafetensorsFile {
 public:
  /// Throws DataError naming the file when its header is damaged or names values outside it.
  explicit SafetensorsFile(FileDescriptor file);

  const std::map<std::string, ArraySpec>& tensors() const { return tensors_; }
  const std::string& path() const { return file_.path(); }
  /// Throws DataError, with both shapes, when there is no such tensor or it is another one.
  void Require(const std::string& name, const ArraySpec& expected) const;
  /// Reads rows of a tensor; out has room for them.
  void ReadRows(const std::string& name, RowRange rows, void* out) const;

 private:
  FileDescriptor file_;
  std::map<std::string, ArraySpec> tensors_;
  std::map<std::string, int64_t> offsets_;  // in the file
};

}  // namespace hearth

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "storage/file/file_descriptor.h"
#include "storage/file/file_image.h"

namespace hearth {

/// The element types hearth writes and accepts, all little-endian on disk.
enum class ColumnType { kUint8, kInt32, kUint32, kInt64, kFloat32, kFloat64 };
std::string_view NameOf(ColumnType type);  // "uint8", ... as in NumPy
int64_t SizeOf(ColumnType type);           // bytes

/// The place of a dataset's numbers in its file.
struct DatasetInfo {
  ColumnType type = ColumnType::kUint8;
  std::vector<int64_t> shape;
  int64_t element_count = 0;
  int64_t size_bytes = 0;
  int64_t offset_bytes = 0;  ///< from the start of the file; 0 when there are no elements
};

/// An HDF5 file of contiguous datasets and scalar attributes: all of HDF5 that hearth uses.
///
/// Written files are deterministic (no time stamps), readable by HDF5 1.8 and later, and carry
/// checksums on their metadata. Datasets of kAlignThresholdBytes or more are aligned. A file is
/// assembled in memory, and Close() writes it at once, so that its size and SHA-256 are known
/// without reading it back. Opening trusts nothing in the file: it refuses soft, external and
/// user-defined links, external storage, chunks, filters, variable-length types and foreign element
/// types, and compares every size with the size of the file before it allocates memory.
///
/// Names are absolute paths such as "/events/item". Writing creates missing groups.
/// Two threads must not use one object at once; they may use different objects.
/// Errors: StorageError or PermissionError when reading or writing fails, DataError when the
/// content has another type or shape than requested. Both name the file and the dataset or
/// attribute. A broken request (writing to a file opened for reading, writing a name twice) is our
/// bug and ends the process.
class Hdf5File {
 public:
  static constexpr int64_t kAlignThresholdBytes = 64 << 10;
  static constexpr int64_t kAlignmentBytes = 1 << 20;
  static constexpr int64_t kMaxAttributeBytes = 32 << 10;

  /// Creates the file, or empties it when it exists. Use a PendingFile's temporary_path().
  /// Large datasets start at multiples of `alignment_bytes`.
  static Hdf5File Create(const std::string& path, int64_t alignment_bytes = kAlignmentBytes);
  static Hdf5File OpenReadOnly(const std::string& path);
  /// Does the same with a file that is open already, e.g. because its hash has been compared.
  static Hdf5File Read(FileDescriptor file);
  /// Does the same with a second descriptor; the caller keeps the first.
  static Hdf5File OpenReadOnly(const FileDescriptor& file);

  ~Hdf5File();  // without Close() a written file stays empty
  Hdf5File(Hdf5File&&) noexcept;
  Hdf5File& operator=(Hdf5File&&) noexcept;

  const std::string& path() const;
  /// Writes a created file and closes it. Throws when a write fails. The caller syncs the file.
  /// No other call may follow.
  WrittenFile Close();
  /// Ends reading through HDF5 and returns the descriptor. No other call may follow.
  FileDescriptor TakeFile();

  /// Element is one of the six C++ types of ColumnType. An empty shape means {values.size()};
  /// otherwise the product of `shape` is values.size().
  /// WriteDataset copies the values. BorrowDataset does not: they must not change before Close().
  template <typename Element>
  void BorrowDataset(const std::string& name, std::span<const Element> values,
                     const std::vector<int64_t>& shape = {});
  template <typename Element>
  void WriteDataset(const std::string& name, std::span<const Element> values,
                    const std::vector<int64_t>& shape = {});
  template <typename Element>
  void WriteDataset(const std::string& name, const std::vector<Element>& values,
                    const std::vector<int64_t>& shape = {}) {
    WriteDataset(name, std::span<const Element>(values), shape);
  }

  bool Exists(const std::string& name) const;
  /// Names of the datasets and groups directly under a group ("/" or "/events"), sorted.
  std::vector<std::string> List(const std::string& group) const;
  DatasetInfo Describe(const std::string& name) const;
  /// All elements in row-major order. Throws DataError when the file has another type.
  template <typename Element>
  std::vector<Element> ReadDataset(const std::string& name) const;

  /// Attributes of a group or dataset; "/" is the root. At most kMaxAttributeBytes of text.
  void SetAttribute(const std::string& object, const std::string& name, std::string_view text);
  void SetAttribute(const std::string& object, const std::string& name, int64_t value);
  bool HasAttribute(const std::string& object, const std::string& name) const;
  std::string TextAttribute(const std::string& object, const std::string& name) const;
  int64_t IntAttribute(const std::string& object, const std::string& name) const;

 private:
  struct State;
  explicit Hdf5File(std::unique_ptr<State> state);

  void PlaceBytes(const std::string& name, ColumnType type, std::span<const char> bytes,
                  const std::vector<int64_t>& shape);
  template <typename Element>
  static std::span<const char> BytesOf(std::span<const Element> values) {
    return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
  }
  std::span<const char> KeepCopy(std::span<const char> bytes);
  void ReadBytes(const std::string& name, const DatasetInfo& info, void* values) const;
  DatasetInfo DescribeAs(const std::string& name, ColumnType type) const;

  std::unique_ptr<State> state_;
};

/// The ColumnType of a C++ element type.
template <typename Element>
constexpr ColumnType ColumnTypeOf() {
  if constexpr (std::is_same_v<Element, uint8_t>) return ColumnType::kUint8;
  if constexpr (std::is_same_v<Element, int32_t>) return ColumnType::kInt32;
  if constexpr (std::is_same_v<Element, uint32_t>) return ColumnType::kUint32;
  if constexpr (std::is_same_v<Element, int64_t>) return ColumnType::kInt64;
  if constexpr (std::is_same_v<Element, float>) return ColumnType::kFloat32;
  if constexpr (std::is_same_v<Element, double>) return ColumnType::kFloat64;
}

template <typename Element>
void Hdf5File::BorrowDataset(const std::string& name, std::span<const Element> values,
                             const std::vector<int64_t>& shape) {
  PlaceBytes(name, ColumnTypeOf<Element>(), BytesOf(values), shape);
}

template <typename Element>
void Hdf5File::WriteDataset(const std::string& name, std::span<const Element> values,
                            const std::vector<int64_t>& shape) {
  PlaceBytes(name, ColumnTypeOf<Element>(), KeepCopy(BytesOf(values)), shape);
}

template <typename Element>
std::vector<Element> Hdf5File::ReadDataset(const std::string& name) const {
  const DatasetInfo info = DescribeAs(name, ColumnTypeOf<Element>());
  std::vector<Element> values(info.element_count);
  ReadBytes(name, info, values.data());
  return values;
}

}  // namespace hearth

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "storage/file/file_descriptor.h"

namespace hearth {

/// The size and hash of a file that was written whole.
struct WrittenFile {
  int64_t size_bytes = 0;
  std::string sha256;  ///< of all its bytes
};

/// The content of a file before it is written: small byte ranges that are copied, and large pieces
/// that stay in the caller's memory. Bytes that were never set are zero; long runs of them become
/// holes. The size and the SHA-256 are known without reading anything back.
///
///   FileImage image;
///   image.Copy(0, header);  image.Place(4096, rows);  image.set_size_bytes(4096 + rows.size());
///   const WrittenFile written = image.WriteTo(descriptor);   // the caller syncs
class FileImage {
 public:
  static constexpr int64_t kPageBytes = 4096;

  /// Copies bytes to an offset. They replace bytes copied there before.
  void Copy(int64_t offset, std::span<const char> bytes);
  /// Reads copied bytes, and zeros for bytes never copied. Ignores placed pieces.
  void ReadCopied(int64_t offset, std::span<char> bytes) const;
  /// Puts bytes at this offset without copying them: they must not change until WriteTo() returns.
  /// Pieces must not overlap one another. A piece replaces copied bytes.
  void Place(int64_t offset, std::span<const char> bytes);
  /// Bytes behind the end do not belong to the file.
  void set_size_bytes(int64_t size_bytes) { size_bytes_ = size_bytes; }
  int64_t size_bytes() const { return size_bytes_; }

  /// Writes everything once, in order, to an empty file. Whole pages pass the page cache by if the
  /// file system supports that: nobody is going to read them soon. The hash is computed at the same
  /// time. Throws StorageError or PermissionError naming the file; too little free space is
  /// reported before anything is written.
  WrittenFile WriteTo(const FileDescriptor& file) const;

 private:
  struct Range {
    int64_t begin, end;
  };
  /// Calls `visit` for consecutive stretches of memory. Together they are the bytes [begin, end).
  void ForEachStretch(Range range, const std::function<void(std::span<const char>)>& visit) const;
  std::span<const char> CopiedStretch(Range range) const;
  std::vector<Range> PagesInUse() const;
  void CheckFreeSpace(const FileDescriptor& file) const;
  std::string ContentSha256() const;
  void WritePages(const FileDescriptor& file) const;

  std::map<int64_t, std::array<char, kPageBytes>> pages_;  // [offset / kPageBytes]
  std::map<int64_t, std::span<const char>> pieces_;        // [offset], none empty
  int64_t size_bytes_ = 0;
};

}  // namespace hearth

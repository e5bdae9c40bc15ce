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

/// What a file that was written whole consists of.
struct WrittenFile {
  int64_t size_bytes = 0;
  std::string sha256;  ///< of all its bytes
};

/// The content of a file before it is written: a few bytes here and there that are copied, and
/// large pieces that stay where they are in memory. Bytes nobody set are zero; long runs of them
/// become holes. Its size is known, and its SHA-256 computed, without reading anything back.
///
///   FileImage image;
///   image.Copy(0, header);  image.Place(4096, rows);  image.set_size_bytes(4096 + rows.size());
///   const WrittenFile written = image.WriteTo(descriptor);   // the caller syncs
class FileImage {
 public:
  static constexpr int64_t kPageBytes = 4096;

  /// Copies bytes to an offset, over what was copied there before.
  void Copy(int64_t offset, std::span<const char> bytes);
  /// Bytes as copied; zero where nothing was. Placed pieces are not consulted.
  void ReadCopied(int64_t offset, std::span<char> bytes) const;
  /// Refers to bytes that lie at this offset and must stay as they are until WriteTo() returns.
  /// Pieces must not overlap; over copied bytes they win.
  void Place(int64_t offset, std::span<const char> bytes);
  /// Bytes behind the end are not part of the file.
  void set_size_bytes(int64_t size_bytes) { size_bytes_ = size_bytes; }
  int64_t size_bytes() const { return size_bytes_; }

  /// Writes all of it, once and in order, to an empty file: whole pages past the page cache where
  /// the file system offers that, since nobody is going to read them soon. The hash is computed
  /// beside the writing. Throws StorageError or PermissionError naming the file, and without having
  /// written anything if there is too little free space.
  WrittenFile WriteTo(const FileDescriptor& file) const;

 private:
  struct Range {
    int64_t begin, end;
  };
  /// Calls `visit` for consecutive stretches of memory that make up the bytes [begin, end).
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

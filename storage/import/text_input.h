#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct archive;

namespace hearth {

/// The text of an input file, block by block. A file that is compressed with gzip, zstd, xz, bzip2
/// or lz4 is unpacked while it is read (by libarchive). UTF-16 becomes UTF-8. A byte order mark is
/// dropped. The file is read once, from its begin to its end, so that it may be a pipe.
class TextInput {
 public:
  /// `path`: a file, a pipe, or "-" for the standard input. Throws DataError when the file is
  /// missing, a folder, or of a kind that holds no lines of text (zip, Parquet, ...; the message
  /// names the kind), PermissionError when it may not be read, StorageError when reading fails.
  explicit TextInput(const std::string& path);
  ~TextInput();
  TextInput(const TextInput&) = delete;
  TextInput& operator=(const TextInput&) = delete;

  /// Returns the next bytes, valid until the next call; empty at the end. Throws DataError when the
  /// compressed data are damaged or cut short, StorageError when reading fails.
  std::string_view Next();

 private:
  struct File;
  struct FreeArchive {
    void operator()(archive* opened) const;
  };
  enum class Encoding { kUtf8, kUtf16Little, kUtf16Big };

  std::string_view NextBlock();
  void RequireText(std::string_view head) const;
  [[noreturn]] void Fail() const;

  std::string path_;
  std::unique_ptr<File> file_;  // outlives archive_, which reads it
  std::unique_ptr<archive, FreeArchive> archive_;
  bool is_empty_ = false, is_begun_ = false;
  Encoding encoding_ = Encoding::kUtf8;
  std::string units_;      // UTF-16 bytes that are not converted yet
  std::string converted_;  // UTF-8
};

/// True for "-" and for files that can be read only once, such as pipes and terminals.
bool IsReadOnce(const std::string& path);

}  // namespace hearth

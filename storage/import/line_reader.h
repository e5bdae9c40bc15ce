#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace hearth {

/// Lines of a text file of any size, as UTF-8. A line ends with LF or CRLF; the last line may have
/// no end. A byte order mark is dropped. A line that is not UTF-8 is converted from Latin-1: old
/// MovieLens files mix both.
class LineReader {
 public:
  static constexpr size_t kMaxLineBytes = size_t{1} << 20;

  enum class Fault { kNone, kTooLong, kNulByte };

  /// Throws DataError when the file is missing or a folder, PermissionError when the file may not
  /// be read, and StorageError when reading fails.
  explicit LineReader(std::string path);

  /// Moves to the next line; false at the end. Throws StorageError when reading fails.
  bool Next();
  /// The line without its line end, or the first bytes of a line with a fault. Valid until Next().
  std::string_view line() const { return line_; }
  int64_t line_number() const { return line_number_; }  ///< from 1
  Fault fault() const { return fault_; }
  const std::string& path() const { return path_; }

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  /// Reads more bytes behind the unread ones; false at the end of the file.
  bool Fill();
  /// Makes the next `size` unread bytes the current line; `consumed` bytes are read afterwards.
  void SetLine(size_t size, size_t consumed);
  void SkipRestOfLine();

  std::string path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::string buffer_;
  size_t begin_ = 0;  // first unread byte of buffer_
  size_t end_ = 0;    // end of the bytes read
  std::string_view line_;
  std::string converted_;
  int64_t line_number_ = 0;
  Fault fault_ = Fault::kNone;
};

}  // namespace hearth

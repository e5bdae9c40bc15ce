#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace hearth {

/// Lines of a text file of any size, as UTF-8. Ends LF or CRLF, the last one optional; a byte order
/// mark is dropped; a line that is not UTF-8 is taken as Latin-1 and converted (old MovieLens files
/// mix both).
class LineReader {
 public:
  static constexpr size_t kMaxLineBytes = size_t{1} << 20;

  enum class Fault { kNone, kTooLong, kNulByte };

  /// Throws DataError when the file is missing or a folder, PermissionError, StorageError.
  explicit LineReader(std::string path);

  /// Moves to the next line; false at the end. Throws StorageError when reading fails.
  bool Next();
  /// Without its line end; valid until Next(). Of a line with a fault: its first bytes.
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
  /// Takes [begin_, end_of_line) as the line.
  void Take(size_t size, size_t consumed);
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

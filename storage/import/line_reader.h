#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/import/text_input.h"

namespace hearth {

/// Lines of a text of any size (TextInput), as UTF-8. A line ends with LF or CRLF, or with CR alone
/// in a text whose first 64 KiB have no LF; the last line may have no end. A line that is not UTF-8
/// is converted from Latin-1: old MovieLens files mix both.
class LineReader {
 public:
  static constexpr size_t kMaxLineBytes = size_t{1} << 20;

  enum class Fault { kNone, kTooLong, kNulByte, kNotUtf8 };

  /// Throws the errors of TextInput, here and in Next().
  explicit LineReader(std::string path);

  /// The text that is read ahead: its first 64 KiB, or the whole of a shorter one.
  std::string_view head() const { return std::string_view(buffer_).substr(begin_, end_ - begin_); }
  /// Makes a line that is not UTF-8 a fault instead of converting it.
  void RequireUtf8() { requires_utf8_ = true; }

  /// Moves to the next line; false at the end.
  bool Next();
  /// The line without its line end, or the first bytes of a line with a fault. Valid until Next().
  std::string_view line() const { return line_; }
  int64_t line_number() const { return line_number_; }  ///< from 1
  Fault fault() const { return fault_; }
  const std::string& path() const { return path_; }

 private:
  /// Reads more bytes behind the unread ones; false at the end of the file.
  bool Fill();
  /// Makes the next `size` unread bytes the current line; `consumed` bytes are read afterwards.
  void SetLine(size_t size, size_t consumed);
  void SkipRestOfLine();

  std::string path_;
  TextInput input_;
  char line_end_ = '\n';
  bool requires_utf8_ = false;
  std::string buffer_;
  size_t begin_ = 0;  // first unread byte of buffer_
  size_t end_ = 0;    // end of the bytes read
  std::string_view line_;
  std::string converted_;
  int64_t line_number_ = 0;
  Fault fault_ = Fault::kNone;
};

}  // namespace hearth

#include "storage/import/line_reader.h"

#include <cstring>
#include <utility>

#include "common/utf8.h"

namespace hearth {
namespace {

constexpr size_t kLookedAtBytes = size_t{1} << 16;
constexpr size_t kShownBytes = 60;

bool IsAscii(std::string_view text) {
  for (const char c : text) {
    if ((c & 0x80) != 0) return false;
  }
  return true;
}

}  // namespace

LineReader::LineReader(std::string path) : path_(std::move(path)), input_(path_) {
  while (end_ < kLookedAtBytes && Fill()) {
  }
  const std::string_view head(buffer_.data(), end_);
  if (head.find('\n') == std::string_view::npos && head.find('\r') != std::string_view::npos) {
    line_end_ = '\r';
  }
}

bool LineReader::Fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const std::string_view block = input_.Next();
  if (buffer_.size() < end_ + block.size()) buffer_.resize(end_ + block.size());
  block.copy(buffer_.data() + end_, block.size());
  end_ += block.size();
  return !block.empty();
}

bool LineReader::Next() {
  fault_ = Fault::kNone;
  size_t searched = 0;  // unread bytes that hold no line end
  while (true) {
    const std::string_view unread(buffer_.data() + begin_, end_ - begin_);
    const size_t size = unread.find(line_end_, searched);
    if (size != std::string_view::npos) {
      SetLine(size, size + 1);
      return true;
    }
    searched = unread.size();
    if (searched > kMaxLineBytes) {
      SetLine(searched, searched);
      SkipRestOfLine();
      return true;
    }
    if (!Fill()) {
      if (searched == 0) return false;
      SetLine(searched, searched);
      return true;
    }
  }
}

void LineReader::SetLine(size_t size, size_t consumed) {
  ++line_number_;
  line_ = {buffer_.data() + begin_, size};
  begin_ += consumed;
  if (line_.ends_with('\r')) line_.remove_suffix(1);
  if (line_.size() > kMaxLineBytes) fault_ = Fault::kTooLong;
  if (line_.find('\0') != std::string_view::npos) fault_ = Fault::kNulByte;
  const bool is_utf8 = IsAscii(line_) || FirstInvalidUtf8(line_) == std::string_view::npos;
  if (requires_utf8_ && !is_utf8 && fault_ == Fault::kNone) fault_ = Fault::kNotUtf8;
  if (fault_ != Fault::kNone) {
    converted_ = line_.substr(0, kShownBytes + 1);
    line_ = converted_;
  }
  // A cut may go through a character.
  if ((!is_utf8 || fault_ != Fault::kNone) && FirstInvalidUtf8(line_) != std::string_view::npos) {
    converted_ = Latin1ToUtf8(line_);
    line_ = converted_;
  }
}

void LineReader::SkipRestOfLine() {
  while (true) {
    const std::string_view unread(buffer_.data() + begin_, end_ - begin_);
    const size_t size = unread.find(line_end_);
    if (size != std::string_view::npos) {
      begin_ += size + 1;
      return;
    }
    begin_ = end_;
    if (!Fill()) return;
  }
}

}  // namespace hearth

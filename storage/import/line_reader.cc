#include "storage/import/line_reader.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "common/error.h"
#include "common/utf8.h"

namespace hearth {
namespace {

constexpr size_t kReadBytes = size_t{1} << 18;
constexpr size_t kShownBytes = 60;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool IsAscii(std::string_view text) {
  for (const char c : text) {
    if ((c & 0x80) != 0) return false;
  }
  return true;
}

}  // namespace

LineReader::LineReader(std::string path) : path_(std::move(path)) {
  if (std::filesystem::is_directory(path_)) {
    throw DataError("{} is a folder; a file is expected here", path_);
  }
  file_.reset(std::fopen(path_.c_str(), "rb"));
  if (file_ == nullptr) {
    const std::string reason = std::strerror(errno);
    if (errno == EACCES) throw PermissionError("cannot read {}: {}", path_, reason);
    throw DataError("cannot read {}: {}", path_, reason);
  }
  Fill();
  if (std::string_view(buffer_.data(), end_).starts_with(kByteOrderMark)) {
    begin_ = kByteOrderMark.size();
  }
}

bool LineReader::Fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() < end_ + kReadBytes) buffer_.resize(end_ + kReadBytes);
  const size_t count = std::fread(buffer_.data() + end_, 1, kReadBytes, file_.get());
  if (count == 0 && std::ferror(file_.get()) != 0) {
    throw StorageError("reading {} failed after line {}: {}", path_, line_number_,
                       std::strerror(errno));
  }
  end_ += count;
  return count > 0;
}

bool LineReader::Next() {
  fault_ = Fault::kNone;
  size_t searched = 0;  // unread bytes that hold no line end
  while (true) {
    const std::string_view unread(buffer_.data() + begin_, end_ - begin_);
    const size_t size = unread.find('\n', searched);
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
  if (fault_ != Fault::kNone) {
    converted_ = line_.substr(0, kShownBytes + 1);
    line_ = converted_;
  }
  if (!IsAscii(line_) && FirstInvalidUtf8(line_) != std::string_view::npos) {
    converted_ = Latin1ToUtf8(line_);
    line_ = converted_;
  }
}

void LineReader::SkipRestOfLine() {
  while (true) {
    const std::string_view unread(buffer_.data() + begin_, end_ - begin_);
    const size_t size = unread.find('\n');
    if (size != std::string_view::npos) {
      begin_ += size + 1;
      return;
    }
    begin_ = end_;
    if (!Fill()) return;
  }
}

}  // namespace hearth

#include "storage/import/line_reader.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "common/error.h"

namespace hearth {
namespace {

constexpr size_t kReadBytes = size_t{1} << 18;
constexpr size_t kShownBytes = 60;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool IsAscii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<signed char>(c) < 0) return false;
  }
  return true;
}

/// Length of the UTF-8 sequence at the start of `text`, 0 when it is not one. Overlong forms,
/// surrogates and code points above U+10FFFF are none (Unicode 15, table 3-7).
size_t Utf8Length(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;
  if (lead == 0xED && byte(1) > 0x9F) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string Latin1ToUtf8(std::string_view text) {
  std::string converted;
  converted.reserve(text.size() + text.size() / 8);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      converted += c;
    } else {
      converted += static_cast<char>(0xC0 | (byte >> 6));
      converted += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return converted;
}

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
  size_t searched = 0;
  while (true) {
    const char* start = buffer_.data() + begin_;
    const size_t available = end_ - begin_;
    const void* found = std::memchr(start + searched, '\n', available - searched);
    if (found != nullptr) {
      const auto size = static_cast<size_t>(static_cast<const char*>(found) - start);
      Take(size, size + 1);
      return true;
    }
    searched = available;
    if (available > kMaxLineBytes) {
      Take(available, available);
      SkipRestOfLine();
      return true;
    }
    if (!Fill()) {
      if (available == 0) return false;
      Take(available, available);
      return true;
    }
  }
}

void LineReader::Take(size_t size, size_t consumed) {
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
  if (!IsAscii(line_) && !IsUtf8(line_)) {
    converted_ = Latin1ToUtf8(line_);
    line_ = converted_;
  }
}

void LineReader::SkipRestOfLine() {
  while (true) {
    const void* found = std::memchr(buffer_.data() + begin_, '\n', end_ - begin_);
    if (found != nullptr) {
      begin_ = static_cast<size_t>(static_cast<const char*>(found) - buffer_.data()) + 1;
      return;
    }
    begin_ = end_;
    if (!Fill()) return;
  }
}

}  // namespace hearth

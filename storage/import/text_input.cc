#include "storage/import/text_input.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/error.h"
#include "common/utf8.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadBytes = size_t{1} << 18;
constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
constexpr std::string_view kUtf16LittleMark = "\xFF\xFE";
constexpr std::string_view kUtf16BigMark = "\xFE\xFF";

// A kind of file that begins with `magic` and holds no lines of text.
struct Kind {
  std::string_view magic, name, advice;
};
constexpr std::array<Kind, 8> kOtherKinds = {{
    {"PK\x03\x04", "a zip archive (or a spreadsheet)", "unpack it: unzip FILE"},
    {"7z\xBC\xAF\x27\x1C", "a 7z archive", "unpack it: 7z x FILE"},
    {"Rar!\x1A\x07", "a rar archive", "unpack it first"},
    {"PAR1", "a Parquet file", "give --format parquet and its path"},
    {"\x89HDF\r\n\x1A\n", "an HDF5 file", "write it as CSV or JSON lines"},
    {"SQLite format 3", "an SQLite data base", "export the table as CSV"},
    {"ARROW1", "an Arrow file", "write it as CSV or JSON lines"},
    {"%PDF-", "a PDF document", "a table of text is expected"},
}};

// UTF-16 without a byte order mark: every other byte of the first ones is 0.
bool LooksLikeUtf16(std::string_view head, size_t zero_at) {
  constexpr size_t kBytes = 32;
  if (head.size() < kBytes) return false;
  for (size_t i = 0; i < kBytes; ++i) {
    if ((head[i] == '\0') != (i % 2 == zero_at)) return false;
  }
  return true;
}

int OpenFile(const std::string& path) {
  if (path == "-") return dup(STDIN_FILENO);
  return open(path.c_str(), O_RDONLY | O_CLOEXEC);
}

}  // namespace

// The file that libarchive reads.
struct TextInput::File {
  int fd = -1;
  int error = 0;  // errno of a failed read
  std::array<char, kReadBytes> block;

  ~File() {
    if (fd >= 0) close(fd);
  }
  static la_ssize_t Read(archive* reader, void* data, const void** block) {
    auto* file = static_cast<File*>(data);
    ssize_t size = 0;
    do {
      size = read(file->fd, file->block.data(), file->block.size());
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
      file->error = errno;
      archive_set_error(reader, errno, "%s", std::strerror(errno));
    }
    *block = file->block.data();
    return size;
  }
};

void TextInput::FreeArchive::operator()(archive* opened) const { archive_read_free(opened); }

bool IsReadOnce(const std::string& path) {
  if (path == "-") return true;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

TextInput::TextInput(const std::string& path)
    : path_(path), file_(std::make_unique<File>()), archive_(archive_read_new()) {
  HEARTH_CHECK(archive_ != nullptr);
  if (path_ != "-" && fs::is_directory(path_)) {
    throw DataError("{} is a folder; a file is expected here", path_);
  }
  file_->fd = OpenFile(path_);
  if (file_->fd < 0) {
    const std::string reason = std::strerror(errno);
    if (errno == EACCES) throw PermissionError("cannot read {}: {}", path_, reason);
    throw DataError("cannot read {}: {}", path_, reason);
  }
  archive* const reader = archive_.get();
  archive_read_support_filter_gzip(reader);
  archive_read_support_filter_zstd(reader);
  archive_read_support_filter_xz(reader);
  archive_read_support_filter_bzip2(reader);
  archive_read_support_filter_lz4(reader);
  archive_read_support_format_raw(reader);
  archive_read_support_format_empty(reader);
  archive_entry* entry = nullptr;
  if (archive_read_open(reader, file_.get(), nullptr, File::Read, nullptr) != ARCHIVE_OK) Fail();
  const int header = archive_read_next_header(reader, &entry);
  is_empty_ = header == ARCHIVE_EOF;
  if (header != ARCHIVE_OK && !is_empty_) Fail();
}

TextInput::~TextInput() = default;

void TextInput::Fail() const {
  if (file_->error != 0) {
    throw StorageError("reading {} failed: {}", path_, std::strerror(file_->error));
  }
  const char* const reason = archive_error_string(archive_.get());
  throw DataError("{} cannot be unpacked: {}", path_,
                  reason == nullptr ? "its data are damaged or cut short" : reason);
}

// The next bytes behind the compression.
std::string_view TextInput::NextBlock() {
  while (!is_empty_) {
    const void* block = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(archive_.get(), &block, &size, &offset);
    if (result == ARCHIVE_EOF) return {};
    if (result != ARCHIVE_OK) Fail();
    if (size > 0) return {static_cast<const char*>(block), size};
  }
  return {};
}

void TextInput::RequireText(std::string_view head) const {
  for (const Kind& kind : kOtherKinds) {
    if (!head.starts_with(kind.magic)) continue;
    throw DataError("{} is {}, not text; {}", path_, kind.name, kind.advice);
  }
}

std::string_view TextInput::Next() {
  std::string_view block = NextBlock();
  if (!is_begun_) {
    is_begun_ = true;
    RequireText(block);
    if (block.starts_with(kUtf8Mark)) {
      block.remove_prefix(kUtf8Mark.size());
      if (block.empty()) block = NextBlock();
    } else if (block.starts_with(kUtf16LittleMark)) {
      encoding_ = Encoding::kUtf16Little;
      block.remove_prefix(kUtf16LittleMark.size());
    } else if (block.starts_with(kUtf16BigMark)) {
      encoding_ = Encoding::kUtf16Big;
      block.remove_prefix(kUtf16BigMark.size());
    } else if (LooksLikeUtf16(block, /*zero_at=*/1)) {
      encoding_ = Encoding::kUtf16Little;
    } else if (LooksLikeUtf16(block, /*zero_at=*/0)) {
      encoding_ = Encoding::kUtf16Big;
    }
  }
  if (encoding_ == Encoding::kUtf8) return block;
  converted_.clear();
  while (true) {
    const bool at_end = block.empty();
    units_ += block;
    const size_t used =
        AppendUtf16(units_, encoding_ == Encoding::kUtf16Big, /*is_last=*/at_end, &converted_);
    units_.erase(0, used);
    if (!converted_.empty() || at_end) return converted_;
    block = NextBlock();
  }
}

}  // namespace hearth

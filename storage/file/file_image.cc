#include "storage/file/file_image.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <future>
#include <memory>

#include "common/error.h"
#include "common/hash.h"
#include "storage/file/file_system.h"

namespace hearth {
namespace {

constexpr int64_t kBlockBytes = int64_t{8} << 20;      // one call to the file system
constexpr int64_t kLargeFileBytes = int64_t{1} << 20;  // worth a second thread and O_DIRECT

constexpr std::array<char, FileImage::kPageBytes> kZeros{};

int64_t PageBegin(int64_t offset) { return offset / FileImage::kPageBytes * FileImage::kPageBytes; }
int64_t PageEnd(int64_t offset) { return PageBegin(offset + FileImage::kPageBytes - 1); }

struct Free {
  void operator()(char* memory) const { std::free(memory); }
};
using AlignedBlock = std::unique_ptr<char, Free>;

AlignedBlock NewBlock(int64_t size_bytes) {
  void* const memory = std::aligned_alloc(FileImage::kPageBytes, size_bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return AlignedBlock(static_cast<char*>(memory));
}

/// Writes past the page cache as long as the file system accepts that, else through the cache.
class BlockWriter {
 public:
  BlockWriter(const FileDescriptor& file, bool past_cache) : file_(file) {
    if (past_cache) uncached_ = file.ReopenUncached();
  }

  void Write(const char* data, int64_t size_bytes, int64_t offset) {
    // The last page of the file is usually incomplete. Such a page needs the page cache.
    const int64_t cached_bytes = size_bytes % FileImage::kPageBytes;
    const int64_t done = WriteUncached(data, size_bytes - cached_bytes, offset);
    file_.WriteAt(data + done, size_bytes - done, offset + done);
  }
  void Close() { uncached_.Close(); }

 private:
  int64_t WriteUncached(const char* data, int64_t size_bytes, int64_t offset) {
    int64_t done = 0;
    while (uncached_.is_open() && done < size_bytes) {
      const int64_t count = RetryInterrupted([&] {
        return FileSystem::Current().Write(uncached_.get(), data + done, size_bytes - done,
                                           offset + done);
      });
      if (count == -EINVAL) {  // other alignment rules, or the last write ended within a page
        uncached_.Close();
      } else if (count <= 0) {
        ThrowFileError("write", file_.path(), ErrorOfTransfer(count));
      } else {
        done += count;
      }
    }
    return done;
  }

  const FileDescriptor& file_;
  FileDescriptor uncached_;
};

}  // namespace

void FileImage::Copy(int64_t offset, std::span<const char> bytes) {
  while (!bytes.empty()) {
    std::array<char, kPageBytes>& page = pages_[offset / kPageBytes];  // zeros when new
    const size_t within = offset % kPageBytes;
    const size_t count = std::min(bytes.size(), page.size() - within);
    std::memcpy(page.data() + within, bytes.data(), count);
    bytes = bytes.subspan(count);
    offset += count;
  }
}

void FileImage::ReadCopied(int64_t offset, std::span<char> bytes) const {
  while (!bytes.empty()) {
    const std::span<const char> stretch = CopiedStretch({offset, offset + std::ssize(bytes)});
    std::memcpy(bytes.data(), stretch.data(), stretch.size());
    bytes = bytes.subspan(stretch.size());
    offset += std::ssize(stretch);
  }
}

void FileImage::Place(int64_t offset, std::span<const char> bytes) {
  if (bytes.empty()) return;
  const auto next = pieces_.lower_bound(offset);
  HEARTH_CHECK(next == pieces_.end() || next->first >= offset + std::ssize(bytes));
  HEARTH_CHECK(next == pieces_.begin() ||
               std::prev(next)->first + std::ssize(std::prev(next)->second) <= offset);
  pieces_[offset] = bytes;
}

std::span<const char> FileImage::CopiedStretch(Range range) const {
  const auto page = pages_.find(range.begin / kPageBytes);
  const char* const data = page == pages_.end() ? kZeros.data() : page->second.data();
  const int64_t within = range.begin % kPageBytes;
  const int64_t count = std::min(range.end - range.begin, kPageBytes - within);
  return std::span<const char>(data + within, count);
}

void FileImage::ForEachStretch(Range range,
                               const std::function<void(std::span<const char>)>& visit) const {
  auto piece = pieces_.upper_bound(range.begin);
  if (piece != pieces_.begin()) --piece;
  while (range.begin < range.end) {
    while (piece != pieces_.end() && piece->first + std::ssize(piece->second) <= range.begin) {
      ++piece;
    }
    const bool inside = piece != pieces_.end() && piece->first <= range.begin;
    const int64_t gap_end = piece == pieces_.end() ? range.end : std::min(range.end, piece->first);
    std::span<const char> stretch;
    if (inside) {
      stretch = piece->second.subspan(range.begin - piece->first);
      stretch = stretch.first(std::min(std::ssize(stretch), range.end - range.begin));
    } else {
      stretch = CopiedStretch({range.begin, gap_end});
    }
    visit(stretch);
    range.begin += std::ssize(stretch);
  }
}

std::vector<FileImage::Range> FileImage::PagesInUse() const {
  std::vector<Range> used;
  for (const auto& [page, bytes] : pages_)
    used.push_back({page * kPageBytes, (page + 1) * kPageBytes});
  for (const auto& [offset, bytes] : pieces_) {
    used.push_back({PageBegin(offset), PageEnd(offset + std::ssize(bytes))});
  }
  // The last page is written even when all its bytes are zero: it gives the file its size.
  if (size_bytes_ > 0) used.push_back({PageBegin(size_bytes_ - 1), PageEnd(size_bytes_)});
  std::ranges::sort(used, {}, &Range::begin);
  std::vector<Range> merged;
  for (const Range& range : used) {
    if (!merged.empty() && range.begin <= merged.back().end) {
      merged.back().end = std::max(merged.back().end, range.end);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

std::string FileImage::ContentSha256() const {
  Sha256 hash;
  ForEachStretch({0, size_bytes_},
                 [&](std::span<const char> bytes) { hash.Update(bytes.data(), bytes.size()); });
  return hash.HexDigest();
}

void FileImage::WritePages(const FileDescriptor& file) const {
  BlockWriter writer(file, size_bytes_ >= kLargeFileBytes);
  const AlignedBlock block = NewBlock(std::min(kBlockBytes, PageEnd(size_bytes_)));
  for (const Range& range : PagesInUse()) {
    const int64_t range_end = std::min(range.end, size_bytes_);
    for (int64_t begin = range.begin; begin < range_end; begin += kBlockBytes) {
      const int64_t end = std::min(begin + kBlockBytes, range_end);
      char* next = block.get();
      ForEachStretch({begin, end}, [&](std::span<const char> bytes) {
        std::memcpy(next, bytes.data(), bytes.size());
        next += bytes.size();
      });
      writer.Write(block.get(), end - begin, begin);
    }
  }
  writer.Close();
}

void FileImage::CheckFreeSpace(const FileDescriptor& file) const {
  int64_t needed = 0, free = 0;
  for (const Range& range : PagesInUse()) needed += range.end - range.begin;
  const int answer = FileSystem::Current().FreeBytes(file.path(), &free);
  if (answer < 0) ThrowFileError("find the free space for", file.path(), -answer);
  if (free < needed) {
    throw StorageError("cannot write '{}': it needs {} bytes and {} are free: make room",
                       file.path(), needed, free);
  }
}

WrittenFile FileImage::WriteTo(const FileDescriptor& file) const {
  if (size_bytes_ == 0) return {0, ContentSha256()};
  CheckFreeSpace(file);
  // Hashing and writing are two passes over the same constant memory: neither waits for the other.
  const auto where = size_bytes_ < kLargeFileBytes ? std::launch::deferred : std::launch::async;
  std::future<std::string> sha256 = std::async(where, [this] { return ContentSha256(); });
  WritePages(file);
  return {size_bytes_, sha256.get()};
}

}  // namespace hearth

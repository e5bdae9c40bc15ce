#include "storage/file/mapped_file.h"

#include <cerrno>
#include <utility>

#include <sys/mman.h>

namespace hearth {

MappedFile::MappedFile(const FileDescriptor& file) : size_bytes_(file.SizeBytes()) {
  if (size_bytes_ == 0) return;
  void* const data = ::mmap(nullptr, size_bytes_, PROT_READ, MAP_SHARED, file.get(), 0);
  if (data == MAP_FAILED) ThrowFileError("map", file.path(), errno);
  data_ = static_cast<char*>(data);
  watch_ = MappingWatch(data_, size_bytes_, file.path());
}

MappedFile::~MappedFile() {
  watch_ = MappingWatch();  // before another mapping can take the addresses
  if (data_ != nullptr) ::munmap(data_, size_bytes_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_bytes_(std::exchange(other.size_bytes_, 0)),
      watch_(std::move(other.watch_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  std::swap(watch_, other.watch_);
  return *this;
}

void MappedFile::Prefetch() const {
  // The call is advice: a refusal changes nothing but speed.
  if (data_ != nullptr) ::madvise(data_, size_bytes_, MADV_WILLNEED);
}

}  // namespace hearth

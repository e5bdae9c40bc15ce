#include "storage/import/event_record.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "common/error.h"

namespace hearth {
namespace {

constexpr int64_t kBufferedEvents = (size_t{32} << 20) / sizeof(EventRecord);

}  // namespace

SpillStore::SpillStore(std::string folder, bool by_item, int64_t tasks_per_file)
    : folder_(std::move(folder)), by_item_(by_item), tasks_per_file_(tasks_per_file) {
  HEARTH_CHECK(tasks_per_file_ >= 1);
  std::error_code error;
  std::filesystem::create_directory(folder_, error);
  if (error) throw StorageError("cannot make the folder {}: {}", folder_, error.message());
}

void SpillStore::Add(const EventRecord& event) {
  const int64_t file = TaskOf(event) / tasks_per_file_;
  if (file >= file_count()) buffers_.resize(file + 1);
  buffers_[file].push_back(event);
  if (++buffered_count_ == kBufferedEvents) Flush();
}

void SpillStore::Flush() {
  for (int64_t file = 0; file < file_count(); ++file) {
    Write(file, buffers_[file], "ab");
    buffers_[file] = {};
  }
  buffered_count_ = 0;
}

std::vector<EventRecord> SpillStore::Load(int64_t file) const {
  const std::string path = PathOf(file);
  std::error_code error;
  const auto size_bytes = std::filesystem::file_size(path, error);
  if (error) throw StorageError("cannot read the temporary file {}", path);
  std::FILE* stream = std::fopen(path.c_str(), "rb");
  if (stream == nullptr) throw StorageError("cannot read the temporary file {}", path);
  std::vector<EventRecord> events(size_bytes / sizeof(EventRecord));
  size_t count = 0;
  // data() of an empty vector may be null, and fread and fwrite must not be given null.
  if (!events.empty()) {
    count = std::fread(events.data(), sizeof(EventRecord), events.size(), stream);
  }
  std::fclose(stream);
  if (count != events.size()) throw StorageError("the temporary file {} was cut short", path);
  return events;
}

void SpillStore::Replace(int64_t file, const std::vector<EventRecord>& events) const {
  Write(file, events, "wb");
}

std::string SpillStore::PathOf(int64_t file) const {
  return fmt::format("{}/{:08}.events", folder_, file);
}

void SpillStore::Write(int64_t file, const std::vector<EventRecord>& events,
                       const char* mode) const {
  const std::string path = PathOf(file);
  std::FILE* stream = std::fopen(path.c_str(), mode);
  if (stream == nullptr) throw StorageError("cannot write {}: {}", path, std::strerror(errno));
  size_t count = 0;
  if (!events.empty()) {  // as in Load
    count = std::fwrite(events.data(), sizeof(EventRecord), events.size(), stream);
  }
  const bool closed = std::fclose(stream) == 0;
  if (count != events.size() || !closed) {
    throw StorageError("writing the temporary file {} failed: {}", path, std::strerror(errno));
  }
}

}  // namespace hearth

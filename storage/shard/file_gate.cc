#include "storage/shard/file_gate.h"

#include <algorithm>
#include <utility>

#include <sys/stat.h>

#include "common/error.h"
#include "storage/file/file_system.h"
#include "storage/file/sandbox.h"

namespace hearth {
namespace {

/// The memory and time allowed for reading a file: tables of texts are ten times as large in memory
/// as on disk.
SandboxLimits LimitsFor(int64_t largest_bytes) {
  return {.memory_bytes = (int64_t{256} << 20) + 16 * largest_bytes,
          .seconds_per_item = 10 + largest_bytes / (int64_t{50} << 20)};
}

}  // namespace

FileGate::FileGate(std::string known_files) : known_(std::move(known_files)) {}

void FileGate::Admit(const std::vector<File>& files) {
  std::vector<const File*> unknown;
  std::vector<std::pair<FileIdentity, std::string>> admitted;
  int64_t largest_bytes = 0;
  for (const File& file : files) {
    const FileIdentity identity = IdentityOf(*file.descriptor);
    if (known_.Has(identity, file.sha256)) continue;
    RequireSha256(*file.descriptor, file.sha256);
    unknown.push_back(&file);
    admitted.emplace_back(identity, file.sha256);
    largest_bytes = std::max(largest_bytes, identity.size_bytes);
  }
  const auto file_at = [&](int64_t i) -> const File& { return *unknown[i]; };
  RunInSandbox(
      std::ssize(unknown), LimitsFor(largest_bytes),
      [&](int64_t i) { return "'" + file_at(i).descriptor->path() + "'"; },
      [&](int64_t i) { file_at(i).parse(); });
  for (size_t i = 0; i < unknown.size(); ++i) {
    if (IdentityOf(*unknown[i]->descriptor) != admitted[i].first) {
      throw DataError("'{}' was changed while it was checked; start again when it is complete",
                      unknown[i]->descriptor->path());
    }
  }
  known_.Remember(admitted);
}

void ParseInSandbox(const FileDescriptor& file, const std::function<void()>& parse) {
  RunInSandbox(
      1, LimitsFor(file.SizeBytes()), [&](int64_t) { return "'" + file.path() + "'"; },
      [&](int64_t) { parse(); });
}

FileDescriptor OpenListedFile(const std::string& path) {
  struct stat named {};
  if (FileSystem::Current().StatusOf(path, &named) >= 0 && S_ISLNK(named.st_mode)) {
    throw DataError("'{}' is a link: the files of a data set or checkpoint must lie in its folder",
                    path);
  }
  FileDescriptor file = FileDescriptor::OpenForReading(path);
  const struct stat opened = file.Status();
  if (opened.st_dev != named.st_dev || opened.st_ino != named.st_ino) {
    throw DataError("'{}' was replaced while it was opened; start again", path);
  }
  return file;
}

void RequireSha256(const FileDescriptor& file, const std::string& expected) {
  const std::string found = Sha256OfContent(file);
  if (found != expected) {
    throw DataError("'{}' is damaged or replaced: its SHA-256 is {}, the manifest says {}",
                    file.path(), found, expected);
  }
}

}  // namespace hearth

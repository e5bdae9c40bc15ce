#include "storage/shard/stage.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/error.h"
#include "common/hash.h"
#include "common/text.h"
#include "storage/file/durable_file.h"
#include "storage/shard/dataset.h"
#include "storage/shard/file_gate.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifestFile = "manifest.json";

// One process of the host holds the lock at a time. The kernel releases it when the process ends.
class HostLock {
 public:
  explicit HostLock(const std::string& path)
      : descriptor_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (descriptor_ < 0 || flock(descriptor_, LOCK_EX) != 0) {
      const std::string reason = std::strerror(errno);
      if (descriptor_ >= 0) close(descriptor_);
      throw StorageError("cannot lock '{}': {}; data.stage must be a folder you may write to", path,
                         reason);
    }
  }
  ~HostLock() { close(descriptor_); }
  HostLock(const HostLock&) = delete;
  HostLock& operator=(const HostLock&) = delete;

 private:
  int descriptor_;
};

struct StagedFile {
  std::string name, sha256;
};

std::vector<StagedFile> FilesOf(const DatasetManifest& manifest) {
  std::vector<StagedFile> files = {{manifest.users_file, manifest.users_sha256},
                                   {manifest.items_file, manifest.items_sha256}};
  for (const ShardEntry& shard : manifest.shards) files.push_back({shard.file, shard.sha256});
  return files;
}

int64_t SizeOfFile(const std::string& path) {
  std::error_code error;
  const int64_t size_bytes = fs::file_size(path, error);
  if (error) throw StorageError("cannot look at '{}': {}", path, error.message());
  return size_bytes;
}

// Returns the SHA-256 of the copied bytes.
std::string CopyBytes(const FileDescriptor& from, const FileDescriptor& to) {
  constexpr int64_t kBlockBytes = int64_t{1} << 20;
  const int64_t size_bytes = from.SizeBytes();
  std::string block;
  Sha256 hash;
  for (int64_t offset = 0; offset < size_bytes; offset += kBlockBytes) {
    block.resize(std::min(kBlockBytes, size_bytes - offset));
    from.ReadAt(block.data(), std::ssize(block), offset);
    hash.Update(block);
    to.Write(block);
  }
  return hash.HexDigest();
}

// A copy gets its final name last, so an existing file of this name is complete.
void StageFile(const std::string& from, const std::string& to, const std::string& sha256) {
  if (fs::exists(to)) return;
  const std::string temporary = to + ".tmp";
  FileDescriptor copy = FileDescriptor::CreateOrEmpty(temporary, kSharedFile);
  const std::string found = CopyBytes(OpenListedFile(from), copy);
  copy.Close();
  std::error_code error;
  if (found != sha256) {
    fs::remove(temporary, error);
    throw DataError("'{}' is damaged or replaced: its SHA-256 is {}, the manifest says {}", from,
                    found, sha256);
  }
  fs::rename(temporary, to, error);
  if (error) throw StorageError("cannot rename '{}': {}", temporary, error.message());
}

void RequireRoom(const std::string& path, const std::vector<StagedFile>& files,
                 const std::string& folder) {
  int64_t needed = 0;
  for (const StagedFile& file : files) {
    if (!fs::exists(folder + "/" + file.name)) needed += SizeOfFile(path + "/" + file.name);
  }
  std::error_code error;
  const int64_t room = fs::space(folder, error).available;
  if (!error && needed > room) {
    throw StorageError(
        "data.stage: '{}' has {} free, but the data set '{}' needs {} more; clear it, or train "
        "without data.stage",
        folder, FormatBytes(room), path, FormatBytes(needed));
  }
}

}  // namespace

std::string StageDataset(const std::string& path, const std::string& stage) {
  const std::string hash = ManifestHash(path);
  const std::string folder = stage + "/" + hash.substr(0, 16);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw StorageError("data.stage: cannot make folder '{}': {}", folder, error.message());
  }
  const HostLock lock(folder + "/.lock");
  const std::string manifest_file = folder + "/" + kManifestFile;
  if (fs::exists(manifest_file)) return folder;
  const std::vector<StagedFile> files = FilesOf(ReadManifest(path));
  RequireRoom(path, files, folder);
  for (const StagedFile& file : files) {
    StageFile(path + "/" + file.name, folder + "/" + file.name, file.sha256);
  }
  StageFile(path + "/" + kManifestFile, manifest_file, hash);
  return folder;
}

}  // namespace hearth

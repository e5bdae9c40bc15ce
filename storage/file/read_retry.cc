#include "storage/file/read_retry.h"

#include <cerrno>
#include <cstring>

#include <spdlog/spdlog.h>

#include "common/error.h"
#include "storage/file/file_descriptor.h"
#include "storage/file/file_system.h"

namespace hearth {
namespace {

/// ESTALE and ETIMEDOUT come from a restarted or slow NFS server, ESHUTDOWN from a Lustre client
/// that was evicted and connects again, EIO from either of them or from a disk.
bool MayPass(int error_number) {
  return error_number == EIO || error_number == ESTALE || error_number == ETIMEDOUT ||
         error_number == ESHUTDOWN;
}

}  // namespace

void ReadRetry::AwaitNextAttempt(int64_t offset, int error_number) {
  if (!MayPass(error_number)) ThrowFileError("read", path_, error_number);
  if (count_ == kMostRetries) {
    throw StorageError(
        "cannot read '{}' at byte {}: {} (errno {}), {} times in a row; look after its disk or "
        "server, then start again",
        path_, offset, std::strerror(error_number), error_number, count_ + 1);
  }
  const double pause_sec = kFirstPauseSec * (1 << count_);
  ++count_;
  spdlog::warn(
      "reading '{}' at byte {} failed: {} (errno {}); attempt {} of {} follows in {:.1f} s", path_,
      offset, std::strerror(error_number), error_number, count_ + 1, kMostRetries + 1, pause_sec);
  FileSystem::Current().Wait(pause_sec);
}

}  // namespace hearth

#pragma once

#include <cstdint>
#include <string>

namespace hearth {

/// The patience with reads that fail for a reason that may pass: a server that restarts or hands
/// over, a path to a disk that is switched. Used for one transfer; only reads are ever made again,
/// since a write or sync that failed may have happened in part.
class ReadRetry {
 public:
  static constexpr int kMostRetries = 5;
  /// Before the first retry; each further pause is twice as long: 3.1 s in all.
  static constexpr double kFirstPauseSec = 0.1;

  /// `path` is for messages, and must outlive this object.
  explicit ReadRetry(const std::string& path) : path_(path) {}

  /// A read at byte `offset` has failed: warns, naming file, byte, error and attempt, and returns
  /// after a pause. Throws when another attempt is of no use: StorageError, or PermissionError as
  /// ThrowFileError does.
  void AwaitNextAttempt(int64_t offset, int error_number);
  /// How many attempts were made again.
  int count() const { return count_; }

 private:
  const std::string& path_;
  int count_ = 0;
};

}  // namespace hearth

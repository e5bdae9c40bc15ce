#pragma once

#include <cstdint>
#include <string>

namespace hearth {

/// Repeats reads that failed for a reason that may pass: a server restarts or hands over, a path to
/// a disk is switched. One object serves one transfer. Reads alone are ever repeated: a write or
/// sync that failed may have happened in part.
class ReadRetry {
 public:
  static constexpr int kMostRetries = 5;
  /// The pause before the first retry. Each further pause is twice as long: 3.1 s in all.
  static constexpr double kFirstPauseSec = 0.1;

  /// `path` serves messages, and must outlive this object.
  explicit ReadRetry(const std::string& path) : path_(path) {}

  /// Call this when a read at byte `offset` has failed. It warns, naming file, byte, error and
  /// attempt, and returns after a pause. It throws when another attempt is of no use: StorageError,
  /// or PermissionError under the rule of ThrowFileError.
  void AwaitNextAttempt(int64_t offset, int error_number);
  /// The number of repeated attempts.
  int count() const { return count_; }

 private:
  const std::string& path_;
  int count_ = 0;
};

}  // namespace hearth

#pragma once

#include <chrono>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "storage/file/file_identity.h"

namespace hearth {

/// Files whose content was compared with a SHA-256 before, on this host, by this user: a file that
/// kept its identity need not be read again. Kept in a small text file that only the user may read
/// or write; a missing, damaged, foreign or unwritable one costs time and nothing else.
/// Thread safe, and several processes may share the file.
class KnownFiles {
 public:
  /// Where this user's list for this host lies: $XDG_CACHE_HOME/hearth or ~/.cache/hearth; "" when
  /// neither is known.
  static std::string DefaultPath();

  /// `path` "": nothing is remembered. A file changed within `settling` is not remembered: clocks
  /// of file systems are coarse, and a second change could leave the same times.
  explicit KnownFiles(std::string path,
                      std::chrono::nanoseconds settling = std::chrono::seconds(2));

  /// Whether a file of this identity was remembered with this hash.
  bool Has(const FileIdentity& identity, const std::string& sha256);
  /// Notes files and their hashes for later processes.
  void Remember(std::span<const std::pair<FileIdentity, std::string>> files);

 private:
  void ReadNewLines();

  std::string path_;
  std::chrono::nanoseconds settling_;
  std::mutex mutex_;
  std::set<std::string> lines_;
  int64_t bytes_read_ = 0;
};

}  // namespace hearth

#pragma once

#include <chrono>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "storage/file/file_identity.h"

namespace hearth {

/// Remembers files that this user on this host has compared with their SHA-256 before: a file that
/// kept its identity need not be read again. The list is a small text file that no other user may
/// read or write. If the list is missing, damaged, foreign or unwritable, files are read again.
/// The class is thread safe, and several processes may share the list.
class KnownFiles {
 public:
  /// The path of this user's list for this host, in $XDG_CACHE_HOME/hearth or ~/.cache/hearth; ""
  /// when neither folder is known.
  static std::string DefaultPath();

  /// An empty `path` remembers nothing. A file that changed less than `settling` ago is not
  /// remembered: clocks of file systems are coarse, and a second change could leave the same times.
  explicit KnownFiles(std::string path,
                      std::chrono::nanoseconds settling = std::chrono::seconds(2));

  /// True when a file of this identity is remembered with this hash.
  bool Has(const FileIdentity& identity, const std::string& sha256);
  /// Remembers files and their hashes for later processes.
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

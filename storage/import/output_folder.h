#pragma once

#include <string>

namespace hearth {

/// The folder a data set is written to. Until Commit() it is taken back by the destructor: what was
/// written is removed, and the folder itself when it was made here.
class OutputFolder {
 public:
  /// Makes the folder, parents included. Refuses (UsageError) a folder that is not empty, unless
  /// `overwrite` and it holds files of a data set alone; those are removed.
  /// Throws StorageError / PermissionError when the file system refuses.
  OutputFolder(std::string path, bool overwrite);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::string& path() const { return path_; }
  /// For temporary files; gone after Commit() and after a failure.
  std::string temporary() const;
  /// Removes the temporary folder; the rest stays.
  void Commit();

 private:
  std::string path_;
  bool made_ = false;
  bool committed_ = false;
};

}  // namespace hearth

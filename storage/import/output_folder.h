#pragma once

#include <string>

namespace hearth {

/// The output folder of a data set. If Commit() was not called, the destructor removes the written
/// files, and the folder too if this object created it.
class OutputFolder {
 public:
  /// Creates the folder and its parents. A folder that is not empty is refused (UsageError), except
  /// if `overwrite` is true and all its files belong to a data set; these files are then removed.
  /// Throws StorageError / PermissionError when the file system refuses.
  OutputFolder(std::string path, bool overwrite);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::string& path() const { return path_; }
  /// Path of a folder for temporary files. Commit() and the destructor remove this folder.
  std::string temporary() const;
  /// Keeps the data set; removes the temporary folder.
  void Commit();

 private:
  std::string path_;
  bool created_ = false;
  bool committed_ = false;
};

}  // namespace hearth

#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <hdf5.h>

#include "storage/file/hdf5.h"
#include "storage/file/hdf5_driver.h"
#include "storage/file/hdf5_handle.h"

/// Shared by hdf5.cc, hdf5_reading.cc and hdf5_writing.cc; no other file includes this header.
namespace hearth {
namespace hdf5_internal {

/// HDF5's name of an element type on disk.
hid_t TypeId(ColumnType type);

/// The file access property list for opening and creating files.
Handle FileAccess(Backing* backing);

/// "/a/b/c" -> {"/a", "/a/b", "/a/b/c"}; "/" -> {}.
std::vector<std::string> Prefixes(const std::string& name);

}  // namespace hdf5_internal

struct Hdf5File::State {
  hdf5_internal::Backing backing;
  std::deque<std::vector<char>> copies;  // datasets that are not written yet
  hid_t file = -1;

  ~State();

  const std::string& path() const { return backing.file.path(); }
  bool writing() const { return backing.writing; }
  int64_t size_bytes() const { return backing.size_bytes; }

  /// Throws the file system's error if that error, and not the content, stopped HDF5.
  void RethrowFailure() const;
  [[noreturn]] void Refuse(const std::string& name, std::string_view what) const;
  [[noreturn]] void FailWrite(const std::string& name) const;

  /// True when the name exists. Refuses a name with a soft or external link in its path: the object
  /// must lie in this file.
  bool Has(const std::string& name) const;
  hdf5_internal::Handle Open(const std::string& name) const;

  // Reading.
  hdf5_internal::Handle OpenDataset(const std::string& name) const;
  hdf5_internal::Handle OpenAttribute(const std::string& object_name,
                                      const std::string& name) const;
  /// Reads the dimensions and their product. The file's size bounds both, so that no product can
  /// overflow.
  void DescribeShape(const std::string& name, hid_t dataset, DatasetInfo* info) const;
  void DescribeLayout(const std::string& name, hid_t dataset, DatasetInfo* info) const;

  // Writing.
  void CreateGroups(const std::vector<std::string>& names) const;
  void WriteAttribute(const std::string& object_name, const std::string& name, hid_t type,
                      const void* value) const;
};

}  // namespace hearth

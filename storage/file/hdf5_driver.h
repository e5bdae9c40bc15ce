#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>

#include <hdf5.h>

#include "storage/file/file_descriptor.h"
#include "storage/file/file_image.h"
#include "storage/file/hdf5_handle.h"

/// What hdf5*.cc are built of; nothing else includes this file.
namespace hearth::hdf5_internal {

/// Where the bytes of one open HDF5 file are. HDF5 reaches them by a driver of ours alone (its
/// "virtual file layer"), so that every byte passes through FileSystem::Current().
///
/// Reading: HDF5's reads are reads of `file`.
/// Writing: what HDF5 writes, all of it metadata, is collected in `image`; datasets are placed
/// there at the offset HDF5 gave them, and the file is written in one go when HDF5 has closed it.
struct Backing {
  FileDescriptor file;
  int64_t size_bytes = 0;  ///< of a file that is read
  FileImage image;
  bool writing = false;
  /// What a call of HDF5's failed with; HDF5 itself knows only that it failed.
  std::exception_ptr failure;
};

/// A file access property list that leads HDF5 to `backing`, which must outlive the open file. The
/// name given to H5Fcreate or H5Fopen is used in messages only.
Handle AccessTo(Backing* backing);

}  // namespace hearth::hdf5_internal

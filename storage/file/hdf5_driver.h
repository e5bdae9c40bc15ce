#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>

#include <hdf5.h>

#include "storage/file/file_descriptor.h"
#include "storage/file/file_image.h"
#include "storage/file/hdf5_handle.h"

/// The building blocks of hdf5*.cc; no other file includes this header.
namespace hearth::hdf5_internal {

/// The bytes of one open HDF5 file. HDF5 reaches them through our own driver (its "virtual file
/// layer"), so that every byte passes through FileSystem::Current().
///
/// Reading: HDF5's reads are reads of `file`.
/// Writing: HDF5 writes metadata alone, and `image` collects it. Datasets are placed in `image` at
/// the offset HDF5 gave them. The file is written at once when HDF5 has closed it.
struct Backing {
  FileDescriptor file;
  int64_t size_bytes = 0;  ///< size of the file, for reading
  FileImage image;
  bool writing = false;
  /// The exception behind a failed call of HDF5. HDF5 itself knows no more than the failure.
  std::exception_ptr failure;
};

/// A file access property list that makes HDF5 use `backing`. `backing` must outlive the open file.
/// The name given to H5Fcreate or H5Fopen serves messages alone.
Handle AccessTo(Backing* backing);

}  // namespace hearth::hdf5_internal

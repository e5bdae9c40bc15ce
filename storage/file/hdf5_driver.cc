#include "storage/file/hdf5_driver.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace hearth::hdf5_internal {
namespace {

/// The driver's state of one open file; HDF5 knows its first member.
struct DriverFile {
  H5FD_t known;
  Backing* backing;
  haddr_t end_of_addresses;  // what HDF5 has handed out
};

DriverFile& Of(H5FD_t* file) { return *reinterpret_cast<DriverFile*>(file); }
const DriverFile& Of(const H5FD_t* file) { return *reinterpret_cast<const DriverFile*>(file); }

/// HDF5 is C: a failure is kept for Hdf5File to report, and never passes through HDF5.
template <typename Action>
herr_t Guarded(Backing& backing, const Action& action) {
  try {
    action();
    return 0;
  } catch (...) {
    backing.failure = std::current_exception();
    return -1;
  }
}

H5FD_t* Open(const char* /*name*/, unsigned /*flags*/, hid_t access, haddr_t /*max_address*/) {
  const auto* const info = static_cast<Backing* const*>(H5Pget_driver_info(access));
  if (info == nullptr) return nullptr;
  DriverFile* file = nullptr;
  Guarded(**info, [&] { file = new DriverFile{}; });
  if (file == nullptr) return nullptr;
  file->backing = *info;
  return &file->known;
}

herr_t Close(H5FD_t* file) {
  delete &Of(file);
  return 0;
}

/// Those of HDF5's own driver for files, on which the places of objects depend.
herr_t Query(const H5FD_t* /*file*/, unsigned long* flags) {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

haddr_t EndOfAddresses(const H5FD_t* file, H5FD_mem_t /*type*/) {
  return Of(file).end_of_addresses;
}

herr_t SetEndOfAddresses(H5FD_t* file, H5FD_mem_t /*type*/, haddr_t address) {
  Of(file).end_of_addresses = address;
  return 0;
}

haddr_t EndOfFile(const H5FD_t* file, H5FD_mem_t /*type*/) {
  const Backing& backing = *Of(file).backing;
  return static_cast<haddr_t>(backing.writing ? backing.image.size_bytes() : backing.size_bytes);
}

/// Bytes behind the end of the file are zero, as with HDF5's own driver: what they claim to be is
/// then refused for what it says.
herr_t Read(H5FD_t* file, H5FD_mem_t /*type*/, hid_t /*transfer*/, haddr_t address, size_t size,
            void* bytes) {
  Backing& backing = *Of(file).backing;
  const int64_t offset = static_cast<int64_t>(address);
  char* const out = static_cast<char*>(bytes);
  return Guarded(backing, [&] {
    if (backing.writing) return backing.image.ReadCopied(offset, {out, size});
    const int64_t present =
        std::clamp<int64_t>(backing.size_bytes - offset, 0, static_cast<int64_t>(size));
    backing.file.ReadAt(out, present, offset);
    std::memset(out + present, 0, size - static_cast<size_t>(present));
  });
}

herr_t Write(H5FD_t* file, H5FD_mem_t /*type*/, hid_t /*transfer*/, haddr_t address, size_t size,
             const void* bytes) {
  Backing& backing = *Of(file).backing;
  if (!backing.writing) return -1;
  const int64_t offset = static_cast<int64_t>(address);
  return Guarded(backing, [&] {
    backing.image.Copy(offset, {static_cast<const char*>(bytes), size});
    const int64_t end = offset + static_cast<int64_t>(size);
    backing.image.set_size_bytes(std::max(backing.image.size_bytes(), end));
  });
}

/// The file ends where HDF5's addresses end.
herr_t Truncate(H5FD_t* file, hid_t /*transfer*/, hbool_t /*closing*/) {
  Backing& backing = *Of(file).backing;
  if (backing.writing) {
    backing.image.set_size_bytes(static_cast<int64_t>(Of(file).end_of_addresses));
  }
  return 0;
}

hid_t Register() {
  static H5FD_class_t driver{};
  driver.name = "hearth";
  driver.maxaddr = static_cast<haddr_t>(INT64_MAX);
  driver.fc_degree = H5F_CLOSE_STRONG;
  driver.fapl_size = sizeof(Backing*);
  driver.open = Open;
  driver.close = Close;
  driver.query = Query;
  driver.get_eoa = EndOfAddresses;
  driver.set_eoa = SetEndOfAddresses;
  driver.get_eof = EndOfFile;
  driver.read = Read;
  driver.write = Write;
  driver.truncate = Truncate;
  // Free space of data and of metadata is kept apart, as HDF5's own driver does.
  constexpr H5FD_mem_t apart[] = H5FD_FLMAP_DICHOTOMY;
  std::copy(std::begin(apart), std::end(apart), std::begin(driver.fl_map));
  return Must(H5FDregister(&driver));
}

}  // namespace

Handle AccessTo(Backing* backing) {
  static const hid_t driver = Register();
  Handle access(Must(H5Pcreate(H5P_FILE_ACCESS)));
  Must(H5Pset_driver(access.get(), driver, &backing));
  return access;
}

}  // namespace hearth::hdf5_internal

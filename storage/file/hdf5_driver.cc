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
  haddr_t end_of_addresses;  // of those that HDF5 has assigned
};

DriverFile& DriverFileOf(H5FD_t* file) { return *reinterpret_cast<DriverFile*>(file); }
const DriverFile& DriverFileOf(const H5FD_t* file) {
  return *reinterpret_cast<const DriverFile*>(file);
}

/// HDF5 is written in C, so no exception may pass through it. Keeps the exception for Hdf5File to
/// report.
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
  delete &DriverFileOf(file);
  return 0;
}

/// Reports the flags of HDF5's own driver for files: the places of objects depend on them.
herr_t Query(const H5FD_t* /*file*/, unsigned long* flags) {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

haddr_t EndOfAddresses(const H5FD_t* file, H5FD_mem_t /*type*/) {
  return DriverFileOf(file).end_of_addresses;
}

herr_t SetEndOfAddresses(H5FD_t* file, H5FD_mem_t /*type*/, haddr_t address) {
  DriverFileOf(file).end_of_addresses = address;
  return 0;
}

haddr_t EndOfFile(const H5FD_t* file, H5FD_mem_t /*type*/) {
  const Backing& backing = *DriverFileOf(file).backing;
  return backing.writing ? backing.image.size_bytes() : backing.size_bytes;
}

/// Reads bytes behind the end of the file as zeros, like HDF5's own driver. HDF5 then refuses the
/// zeros as content.
herr_t Read(H5FD_t* file, H5FD_mem_t /*type*/, hid_t /*transfer*/, haddr_t address, size_t size,
            void* bytes) {
  Backing& backing = *DriverFileOf(file).backing;
  const int64_t offset = address;
  char* const out = static_cast<char*>(bytes);
  return Guarded(backing, [&] {
    if (backing.writing) return backing.image.ReadCopied(offset, {out, size});
    const int64_t present = std::clamp<int64_t>(backing.size_bytes - offset, 0, size);
    backing.file.ReadAt(out, present, offset);
    std::memset(out + present, 0, size - present);
  });
}

herr_t Write(H5FD_t* file, H5FD_mem_t /*type*/, hid_t /*transfer*/, haddr_t address, size_t size,
             const void* bytes) {
  Backing& backing = *DriverFileOf(file).backing;
  if (!backing.writing) return -1;
  const int64_t offset = address;
  return Guarded(backing, [&] {
    backing.image.Copy(offset, {static_cast<const char*>(bytes), size});
    const int64_t end = offset + size;
    backing.image.set_size_bytes(std::max(backing.image.size_bytes(), end));
  });
}

/// Sets the end of the file to the end of HDF5's addresses.
herr_t Truncate(H5FD_t* file, hid_t /*transfer*/, hbool_t /*closing*/) {
  Backing& backing = *DriverFileOf(file).backing;
  if (backing.writing) backing.image.set_size_bytes(DriverFileOf(file).end_of_addresses);
  return 0;
}

hid_t Register() {
  static H5FD_class_t driver{};
  driver.name = "hearth";
  driver.maxaddr = INT64_MAX;
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
  // The driver keeps the free space of data apart from that of metadata, like HDF5's own driver.
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

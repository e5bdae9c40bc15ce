#include "storage/file/hdf5.h"

#include <algorithm>
#include <array>
#include <bit>
#include <exception>
#include <utility>

#include "common/error.h"
#include "storage/file/hdf5_state.h"

namespace hearth {
namespace {

using hdf5_internal::Handle;
using hdf5_internal::LastHdf5Error;
using hdf5_internal::Prefixes;

static_assert(std::endian::native == std::endian::little,
              "columns are mapped as they lie on disk, which is little-endian");

struct TypeInfo {
  std::string_view name;
  int64_t size_bytes;
};

const TypeInfo& InfoOf(ColumnType type) {
  static constexpr std::array<TypeInfo, 6> kTypes = {{{"uint8", 1},  // [ColumnType]
                                                      {"int32", 4},
                                                      {"uint32", 4},
                                                      {"int64", 8},
                                                      {"float32", 4},
                                                      {"float64", 8}}};
  return kTypes[static_cast<size_t>(type)];
}

}  // namespace

namespace hdf5_internal {

hid_t TypeId(ColumnType type) {
  switch (type) {
    case ColumnType::kUint8:
      return H5T_STD_U8LE;
    case ColumnType::kInt32:
      return H5T_STD_I32LE;
    case ColumnType::kUint32:
      return H5T_STD_U32LE;
    case ColumnType::kInt64:
      return H5T_STD_I64LE;
    case ColumnType::kFloat32:
      return H5T_IEEE_F32LE;
    case ColumnType::kFloat64:
      return H5T_IEEE_F64LE;
  }
  HEARTH_CHECK(false, "column type {}", static_cast<int>(type));
}

Handle FileAccess(Backing* backing) {
  Handle access = AccessTo(backing);
  // The objects of HDF5 1.8 have checksums on their metadata and are readable everywhere.
  Must(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V18));
  Must(H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG));
  return access;
}

std::vector<std::string> Prefixes(const std::string& name) {
  HEARTH_CHECK(name.starts_with('/'), "'{}' is not an absolute name", name);
  std::vector<std::string> prefixes;
  for (size_t slash = name.find('/', 1); name.size() > 1; slash = name.find('/', slash + 1)) {
    prefixes.push_back(name.substr(0, slash));
    if (slash == std::string::npos) break;
  }
  return prefixes;
}

}  // namespace hdf5_internal

std::string_view NameOf(ColumnType type) { return InfoOf(type).name; }
int64_t SizeOf(ColumnType type) { return InfoOf(type).size_bytes; }

Hdf5File::State::~State() {
  if (file >= 0) H5Fclose(file);
}

void Hdf5File::State::RethrowFailure() const {
  if (backing.failure) std::rethrow_exception(backing.failure);
}

void Hdf5File::State::Refuse(const std::string& name, std::string_view what) const {
  RethrowFailure();
  throw DataError("'{}': {} {}; is this file hearth's, of this version and undamaged?", path(),
                  name, what);
}

void Hdf5File::State::FailWrite(const std::string& name) const {
  RethrowFailure();
  throw StorageError("cannot write {} of '{}': {}", name, path(), LastHdf5Error());
}

bool Hdf5File::State::Has(const std::string& name) const {
  for (const std::string& prefix : Prefixes(name)) {
    if (H5Lexists(file, prefix.c_str(), H5P_DEFAULT) <= 0) return false;
    H5L_info_t link;
    if (H5Lget_info(file, prefix.c_str(), &link, H5P_DEFAULT) < 0) Refuse(prefix, "is damaged");
    if (link.type != H5L_TYPE_HARD) Refuse(prefix, "is a soft or external link; refused");
  }
  return true;
}

Handle Hdf5File::State::Open(const std::string& name) const {
  if (!Has(name)) Refuse(name, "is missing");
  Handle object(H5Oopen(file, name.c_str(), H5P_DEFAULT));
  if (!object.ok()) Refuse(name, fmt::format("cannot be opened ({})", LastHdf5Error()));
  return object;
}

Hdf5File::Hdf5File(std::unique_ptr<State> state) : state_(std::move(state)) {}
Hdf5File::~Hdf5File() = default;
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;
Hdf5File& Hdf5File::operator=(Hdf5File&&) noexcept = default;

const std::string& Hdf5File::path() const { return state_->path(); }

bool Hdf5File::Exists(const std::string& name) const { return state_->Has(name); }

std::vector<std::string> Hdf5File::List(const std::string& group_name) const {
  const Handle group = state_->Open(group_name);
  if (H5Iget_type(group.get()) != H5I_GROUP) state_->Refuse(group_name, "is not a group");
  struct Listing {
    std::vector<std::string> names;
    std::exception_ptr* failure;  // no exception may pass through HDF5
  };
  Listing listing{{}, &state_->backing.failure};
  const auto add = [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
    auto& [names, failure] = *static_cast<Listing*>(out);
    try {
      names.emplace_back(name);
      return 0;
    } catch (...) {
      *failure = std::current_exception();
      return -1;
    }
  };
  hsize_t position = 0;
  if (H5Literate(group.get(), H5_INDEX_NAME, H5_ITER_INC, &position, add, &listing) < 0) {
    state_->Refuse(group_name, fmt::format("cannot be listed ({})", LastHdf5Error()));
  }
  std::ranges::sort(listing.names);
  return std::move(listing.names);
}

}  // namespace hearth

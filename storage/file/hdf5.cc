#include "storage/file/hdf5.h"

#include <algorithm>
#include <array>
#include <bit>
#include <deque>
#include <exception>
#include <limits>
#include <utility>

#include <hdf5.h>

#include "common/error.h"
#include "storage/file/hdf5_driver.h"
#include "storage/file/hdf5_handle.h"

namespace hearth {
namespace {

using hdf5_internal::AccessTo;
using hdf5_internal::Backing;
using hdf5_internal::Handle;
using hdf5_internal::LastHdf5Error;
using hdf5_internal::Must;
using hdf5_internal::PrepareLibrary;

static_assert(std::endian::native == std::endian::little,
              "columns are mapped as they lie on disk, which is little-endian");

constexpr int kMaxRank = 8;

struct TypeRow {
  ColumnType type;
  std::string_view name;
  int64_t size_bytes;
};
constexpr std::array<TypeRow, 6> kTypes = {{{ColumnType::kUint8, "uint8", 1},
                                            {ColumnType::kInt32, "int32", 4},
                                            {ColumnType::kUint32, "uint32", 4},
                                            {ColumnType::kInt64, "int64", 8},
                                            {ColumnType::kFloat32, "float32", 4},
                                            {ColumnType::kFloat64, "float64", 8}}};

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

Handle FileAccess(Backing* backing, int64_t alignment_bytes) {
  Handle access = AccessTo(backing);
  Must(H5Pset_alignment(access.get(), Hdf5File::kAlignThresholdBytes,
                        static_cast<hsize_t>(alignment_bytes)));
  // 1.8's objects: checksummed metadata, readable everywhere.
  Must(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V18));
  Must(H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG));
  return access;
}

/// A creation property list of the given class without time stamps.
Handle Timeless(hid_t property_class) {
  Handle properties(Must(H5Pcreate(property_class)));
  Must(H5Pset_obj_track_times(properties.get(), false));
  return properties;
}

/// "/a/b/c" -> {"/a", "/a/b", "/a/b/c"}; "/" -> {}.
std::vector<std::string> Prefixes(const std::string& name) {
  HEARTH_CHECK(name.starts_with('/'), "'{}' is not an absolute name", name);
  std::vector<std::string> prefixes;
  for (size_t slash = name.find('/', 1); name.size() > 1; slash = name.find('/', slash + 1)) {
    prefixes.push_back(name.substr(0, slash));
    if (slash == std::string::npos) break;
  }
  return prefixes;
}

}  // namespace

std::string_view NameOf(ColumnType type) { return kTypes[static_cast<size_t>(type)].name; }
int64_t SizeOf(ColumnType type) { return kTypes[static_cast<size_t>(type)].size_bytes; }

struct Hdf5File::State {
  Backing backing;
  std::deque<std::vector<char>> copies;  // of datasets, until they are written
  hid_t file = -1;

  ~State() {
    if (file >= 0) H5Fclose(file);
  }

  const std::string& path() const { return backing.file.path(); }
  bool writing() const { return backing.writing; }
  int64_t size_bytes() const { return backing.size_bytes; }

  /// What stopped HDF5 may have been the file system, not the content.
  void RethrowFailure() const {
    if (backing.failure) std::rethrow_exception(backing.failure);
  }
  [[noreturn]] void Refuse(const std::string& name, std::string_view what) const {
    RethrowFailure();
    throw DataError("'{}': {} {}; is this file hearth's, of this version and undamaged?", path(),
                    name, what);
  }
  [[noreturn]] void FailWrite(const std::string& name) const {
    RethrowFailure();
    throw StorageError("cannot write {} of '{}': {}", name, path(), LastHdf5Error());
  }

  /// True when every step of the name is a hard link, i.e. the object lies in this file.
  bool Has(const std::string& name) const {
    for (const std::string& prefix : Prefixes(name)) {
      if (H5Lexists(file, prefix.c_str(), H5P_DEFAULT) <= 0) return false;
      H5L_info_t link;
      if (H5Lget_info(file, prefix.c_str(), &link, H5P_DEFAULT) < 0) Refuse(prefix, "is damaged");
      if (link.type != H5L_TYPE_HARD) Refuse(prefix, "is a soft or external link; refused");
    }
    return true;
  }

  Handle Open(const std::string& name) const {
    if (!Has(name)) Refuse(name, "is missing");
    Handle object(H5Oopen(file, name.c_str(), H5P_DEFAULT));
    if (!object.ok()) Refuse(name, fmt::format("cannot be opened ({})", LastHdf5Error()));
    return object;
  }

  Handle OpenDataset(const std::string& name) const {
    Handle object = Open(name);
    if (H5Iget_type(object.get()) != H5I_DATASET) Refuse(name, "is not a dataset");
    return object;
  }

  Handle OpenAttribute(const std::string& object_name, const std::string& name) const {
    const Handle object = Open(object_name);
    Handle attribute(H5Aopen(object.get(), name.c_str(), H5P_DEFAULT));
    if (!attribute.ok()) {
      LastHdf5Error();
      Refuse(fmt::format("attribute '{}' of {}", name, object_name), "is missing");
    }
    const Handle space(H5Aget_space(attribute.get()));
    if (!space.ok() || H5Sget_simple_extent_npoints(space.get()) != 1) {
      Refuse(fmt::format("attribute '{}' of {}", name, object_name), "is not a single value");
    }
    return attribute;
  }

  void CreateGroups(const std::vector<std::string>& names) const {
    for (const std::string& name : names) {
      if (Has(name)) continue;
      const Handle properties = Timeless(H5P_GROUP_CREATE);
      const Handle group(
          H5Gcreate2(file, name.c_str(), H5P_DEFAULT, properties.get(), H5P_DEFAULT));
      if (!group.ok()) FailWrite(name);
    }
  }

  void WriteAttribute(const std::string& object_name, const std::string& name, hid_t type,
                      const void* value) const {
    HEARTH_CHECK(writing(), "'{}' is open for reading", path());
    CreateGroups(Prefixes(object_name));
    const Handle object = Open(object_name);
    const Handle space(Must(H5Screate(H5S_SCALAR)));
    const Handle attribute(
        H5Acreate2(object.get(), name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT));
    if (!attribute.ok() || H5Awrite(attribute.get(), type, value) < 0) FailWrite(name);
  }

  /// Dimensions and their product; bounded by the file's size so that no product can overflow.
  void DescribeShape(const std::string& name, hid_t dataset, DatasetInfo* info) const {
    const Handle space(H5Dget_space(dataset));
    const int rank = space.ok() ? H5Sget_simple_extent_ndims(space.get()) : -1;
    if (rank < 1 || rank > kMaxRank) Refuse(name, fmt::format("has rank {}", rank));
    std::array<hsize_t, kMaxRank> dims{};
    H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr);
    info->element_count = 1;
    for (int axis = 0; axis < rank; ++axis) {
      const hsize_t extent = dims[static_cast<size_t>(axis)];
      if (extent > static_cast<hsize_t>(size_bytes())) {
        Refuse(name,
               fmt::format("claims an extent of {}, the file has {} bytes", extent, size_bytes()));
      }
      info->shape.push_back(static_cast<int64_t>(extent));
      if (extent > 0 && info->element_count > size_bytes() / static_cast<int64_t>(extent)) {
        Refuse(name,
               fmt::format("claims more elements than the file's {} bytes hold", size_bytes()));
      }
      info->element_count *= static_cast<int64_t>(extent);
    }
    info->size_bytes = info->element_count * SizeOf(info->type);
  }

  void DescribeLayout(const std::string& name, hid_t dataset, DatasetInfo* info) const {
    const Handle properties(H5Dget_create_plist(dataset));
    if (!properties.ok() || H5Pget_layout(properties.get()) != H5D_CONTIGUOUS) {
      Refuse(name, "is not stored contiguously (chunked, compact or virtual)");
    }
    if (H5Pget_external_count(properties.get()) != 0) Refuse(name, "is stored in another file");
    if (info->element_count == 0) return;
    const haddr_t offset = H5Dget_offset(dataset);
    if (offset == HADDR_UNDEF || offset > static_cast<haddr_t>(size_bytes()) ||
        info->size_bytes > size_bytes() - static_cast<int64_t>(offset)) {
      Refuse(name, fmt::format("({} bytes) reaches beyond the end of the file ({} bytes)",
                               info->size_bytes, size_bytes()));
    }
    info->offset_bytes = static_cast<int64_t>(offset);
  }
};

Hdf5File::Hdf5File(std::unique_ptr<State> state) : state_(std::move(state)) {}
Hdf5File::~Hdf5File() = default;
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;
Hdf5File& Hdf5File::operator=(Hdf5File&&) noexcept = default;

const std::string& Hdf5File::path() const { return state_->path(); }

Hdf5File Hdf5File::Create(const std::string& path, int64_t alignment_bytes) {
  PrepareLibrary();
  auto state = std::make_unique<State>();
  state->backing.file = FileDescriptor::CreateOrEmpty(path, 0666);
  state->backing.writing = true;
  const Handle creation = Timeless(H5P_FILE_CREATE);
  const Handle access = FileAccess(&state->backing, alignment_bytes);
  state->file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get());
  if (state->file < 0) throw StorageError("cannot create '{}': {}", path, LastHdf5Error());
  return Hdf5File(std::move(state));
}

Hdf5File Hdf5File::OpenReadOnly(const std::string& path) {
  return Read(FileDescriptor::OpenForReading(path));
}

Hdf5File Hdf5File::OpenReadOnly(const FileDescriptor& file) { return Read(file.Duplicate()); }

Hdf5File Hdf5File::Read(FileDescriptor file) {
  PrepareLibrary();
  auto state = std::make_unique<State>();
  state->backing.size_bytes = file.SizeBytes();
  state->backing.file = std::move(file);
  const Handle access = FileAccess(&state->backing, kAlignmentBytes);
  state->file = H5Fopen(state->path().c_str(), H5F_ACC_RDONLY, access.get());
  if (state->file < 0) {
    state->RethrowFailure();
    throw DataError(
        "'{}' ({} bytes) is not a readable HDF5 file ({}): it is damaged, cut short or "
        "of another kind; copy or make it again",
        state->path(), state->size_bytes(), LastHdf5Error());
  }
  return Hdf5File(std::move(state));
}

WrittenFile Hdf5File::Close() {
  HEARTH_CHECK(state_->writing(), "'{}' is open for reading", path());
  if (H5Fclose(std::exchange(state_->file, -1)) < 0) {
    state_->FailWrite("the last bytes");
  }
  WrittenFile written = state_->backing.image.WriteTo(state_->backing.file);
  state_->backing.file.Close();
  return written;
}

FileDescriptor Hdf5File::TakeFile() {
  HEARTH_CHECK(!state_->writing(), "'{}' is open for writing", path());
  H5Fclose(std::exchange(state_->file, -1));  // after reading there is nothing to lose
  return std::move(state_->backing.file);
}

bool Hdf5File::Exists(const std::string& name) const { return state_->Has(name); }

std::vector<std::string> Hdf5File::List(const std::string& group_name) const {
  const Handle group = state_->Open(group_name);
  if (H5Iget_type(group.get()) != H5I_GROUP) state_->Refuse(group_name, "is not a group");
  std::vector<std::string> names;
  const auto add = [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
  };
  hsize_t position = 0;
  if (H5Literate(group.get(), H5_INDEX_NAME, H5_ITER_INC, &position, add, &names) < 0) {
    state_->Refuse(group_name, fmt::format("cannot be listed ({})", LastHdf5Error()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

DatasetInfo Hdf5File::Describe(const std::string& name) const {
  const Handle dataset = state_->OpenDataset(name);
  const Handle type(H5Dget_type(dataset.get()));
  const auto row = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeRow& candidate) {
    return type.ok() && H5Tequal(type.get(), TypeId(candidate.type)) > 0;
  });
  if (row == kTypes.end()) state_->Refuse(name, "has an element type hearth does not use");
  DatasetInfo info;
  info.type = row->type;
  state_->DescribeShape(name, dataset.get(), &info);
  state_->DescribeLayout(name, dataset.get(), &info);
  return info;
}

DatasetInfo Hdf5File::DescribeAs(const std::string& name, ColumnType type) const {
  DatasetInfo info = Describe(name);
  if (info.type != type) {
    state_->Refuse(name, fmt::format("is {}, expected {}", NameOf(info.type), NameOf(type)));
  }
  return info;
}

void Hdf5File::ReadBytes(const std::string& name, const DatasetInfo& info, void* values) const {
  if (info.element_count == 0) return;
  const Handle dataset = state_->OpenDataset(name);
  if (H5Dread(dataset.get(), TypeId(info.type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
    state_->RethrowFailure();
    throw StorageError("cannot read {} of '{}': {}", name, path(), LastHdf5Error());
  }
}

std::span<const char> Hdf5File::KeepCopy(const void* data, size_t size_bytes) {
  const char* const bytes = static_cast<const char*>(data);
  return state_->copies.emplace_back(bytes, bytes + size_bytes);
}

void Hdf5File::PlaceBytes(const std::string& name, ColumnType type, std::span<const char> bytes,
                          const std::vector<int64_t>& shape) {
  HEARTH_CHECK(state_->writing(), "'{}' is open for reading", path());
  const int64_t element_count = std::ssize(bytes) / SizeOf(type);
  std::vector<std::string> groups = Prefixes(name);
  groups.pop_back();
  state_->CreateGroups(groups);

  std::vector<hsize_t> dims;
  int64_t product = 1;
  for (const int64_t extent : shape) {
    dims.push_back(static_cast<hsize_t>(extent));
    product *= extent;
  }
  if (shape.empty()) dims.push_back(static_cast<hsize_t>(product = element_count));
  HEARTH_CHECK(product == element_count, "{}: {} values in a shape of {}", name, element_count,
               product);

  const Handle properties = Timeless(H5P_DATASET_CREATE);
  Must(H5Pset_layout(properties.get(), H5D_CONTIGUOUS));
  Must(H5Pset_alloc_time(properties.get(), H5D_ALLOC_TIME_EARLY));
  Must(H5Pset_fill_time(properties.get(), H5D_FILL_TIME_NEVER));
  const Handle space(Must(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr)));
  const Handle dataset(H5Dcreate2(state_->file, name.c_str(), TypeId(type), space.get(),
                                  H5P_DEFAULT, properties.get(), H5P_DEFAULT));
  if (!dataset.ok()) state_->FailWrite(name);
  if (element_count == 0) return;
  // Early allocation: the place is final, and HDF5 itself never touches it.
  const haddr_t offset = H5Dget_offset(dataset.get());
  if (offset == HADDR_UNDEF) state_->FailWrite(name);
  state_->backing.image.Place(static_cast<int64_t>(offset), bytes);
}

void Hdf5File::SetAttribute(const std::string& object, const std::string& name,
                            std::string_view text) {
  HEARTH_CHECK(std::ssize(text) <= kMaxAttributeBytes, "attribute '{}' has {} bytes", name,
               text.size());
  const Handle type(Must(H5Tcopy(H5T_C_S1)));
  const std::string padded = text.empty() ? std::string(1, '\0') : std::string(text);
  Must(H5Tset_size(type.get(), padded.size()));  // HDF5 has no strings of size 0
  Must(H5Tset_strpad(type.get(), H5T_STR_NULLPAD));
  Must(H5Tset_cset(type.get(), H5T_CSET_UTF8));
  state_->WriteAttribute(object, name, type.get(), padded.data());
}

void Hdf5File::SetAttribute(const std::string& object, const std::string& name, int64_t value) {
  state_->WriteAttribute(object, name, H5T_STD_I64LE, &value);
}

bool Hdf5File::HasAttribute(const std::string& object, const std::string& name) const {
  return H5Aexists(state_->Open(object).get(), name.c_str()) > 0;
}

std::string Hdf5File::TextAttribute(const std::string& object, const std::string& name) const {
  const std::string what = fmt::format("attribute '{}' of {}", name, object);
  const Handle attribute = state_->OpenAttribute(object, name);
  const Handle type(H5Aget_type(attribute.get()));
  if (!type.ok() || H5Tget_class(type.get()) != H5T_STRING || H5Tis_variable_str(type.get()) != 0) {
    state_->Refuse(what, "is not a string of fixed length");
  }
  const size_t size_bytes = H5Tget_size(type.get());
  if (size_bytes == 0 || size_bytes > static_cast<size_t>(kMaxAttributeBytes)) {
    state_->Refuse(what, fmt::format("has {} bytes", size_bytes));
  }
  std::string text(size_bytes, '\0');
  if (H5Aread(attribute.get(), type.get(), text.data()) < 0) {
    state_->Refuse(what, fmt::format("cannot be read ({})", LastHdf5Error()));
  }
  return text.substr(0, text.find('\0'));
}

int64_t Hdf5File::IntAttribute(const std::string& object, const std::string& name) const {
  const std::string what = fmt::format("attribute '{}' of {}", name, object);
  const Handle attribute = state_->OpenAttribute(object, name);
  const Handle type(H5Aget_type(attribute.get()));
  if (!type.ok() || H5Tget_class(type.get()) != H5T_INTEGER) {
    state_->Refuse(what, "is not an integer");
  }
  int64_t value = 0;
  if (H5Aread(attribute.get(), H5T_NATIVE_INT64, &value) < 0) {
    state_->Refuse(what, fmt::format("cannot be read ({})", LastHdf5Error()));
  }
  return value;
}

}  // namespace hearth

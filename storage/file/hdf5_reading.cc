// The part of Hdf5File that reads.

#include <algorithm>
#include <array>
#include <utility>

#include "common/error.h"
#include "storage/file/hdf5_state.h"

namespace hearth {
namespace {

using hdf5_internal::FileAccess;
using hdf5_internal::Handle;
using hdf5_internal::LastHdf5Error;
using hdf5_internal::PrepareLibrary;
using hdf5_internal::TypeId;

constexpr int kMaxRank = 8;
constexpr std::array<ColumnType, 6> kColumnTypes = {ColumnType::kUint8,   ColumnType::kInt32,
                                                    ColumnType::kUint32,  ColumnType::kInt64,
                                                    ColumnType::kFloat32, ColumnType::kFloat64};

}  // namespace

Handle Hdf5File::State::OpenDataset(const std::string& name) const {
  Handle object = Open(name);
  if (H5Iget_type(object.get()) != H5I_DATASET) Refuse(name, "is not a dataset");
  return object;
}

Handle Hdf5File::State::OpenAttribute(const std::string& object_name,
                                      const std::string& name) const {
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

void Hdf5File::State::DescribeShape(const std::string& name, hid_t dataset,
                                    DatasetInfo* info) const {
  const Handle space(H5Dget_space(dataset));
  const int rank = space.ok() ? H5Sget_simple_extent_ndims(space.get()) : -1;
  if (rank < 1 || rank > kMaxRank) Refuse(name, fmt::format("has rank {}", rank));
  std::array<hsize_t, kMaxRank> dims{};
  H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr);
  info->element_count = 1;
  for (int axis = 0; axis < rank; ++axis) {
    const hsize_t claimed = dims[axis];
    if (std::cmp_greater(claimed, size_bytes())) {
      Refuse(name,
             fmt::format("claims an extent of {}, the file has {} bytes", claimed, size_bytes()));
    }
    const int64_t extent = claimed;
    info->shape.push_back(extent);
    if (extent > 0 && info->element_count > size_bytes() / extent) {
      Refuse(name, fmt::format("claims more elements than the file's {} bytes hold", size_bytes()));
    }
    info->element_count *= extent;
  }
  info->size_bytes = info->element_count * SizeOf(info->type);
}

void Hdf5File::State::DescribeLayout(const std::string& name, hid_t dataset,
                                     DatasetInfo* info) const {
  const Handle properties(H5Dget_create_plist(dataset));
  if (!properties.ok() || H5Pget_layout(properties.get()) != H5D_CONTIGUOUS) {
    Refuse(name, "is not stored contiguously (chunked, compact or virtual)");
  }
  if (H5Pget_external_count(properties.get()) != 0) Refuse(name, "is stored in another file");
  if (info->element_count == 0) return;
  const haddr_t offset = H5Dget_offset(dataset);
  const bool is_inside = offset != HADDR_UNDEF && std::cmp_less_equal(offset, size_bytes());
  if (is_inside) info->offset_bytes = offset;
  if (!is_inside || info->size_bytes > size_bytes() - info->offset_bytes) {
    Refuse(name, fmt::format("({} bytes) reaches beyond the end of the file ({} bytes)",
                             info->size_bytes, size_bytes()));
  }
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
  const Handle access = FileAccess(&state->backing);
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

FileDescriptor Hdf5File::TakeFile() {
  HEARTH_CHECK(!state_->writing(), "'{}' is open for writing", path());
  H5Fclose(std::exchange(state_->file, -1));  // no error is possible after reading alone
  return std::move(state_->backing.file);
}

DatasetInfo Hdf5File::Describe(const std::string& name) const {
  const Handle dataset = state_->OpenDataset(name);
  const Handle type(H5Dget_type(dataset.get()));
  const auto known = std::ranges::find_if(kColumnTypes, [&](ColumnType candidate) {
    return type.ok() && H5Tequal(type.get(), TypeId(candidate)) > 0;
  });
  if (known == kColumnTypes.end()) state_->Refuse(name, "has an element type hearth does not use");
  DatasetInfo info;
  info.type = *known;
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
  if (size_bytes == 0 || std::cmp_greater(size_bytes, kMaxAttributeBytes)) {
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

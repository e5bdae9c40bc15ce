// The part of Hdf5File that writes.

#include <utility>

#include "common/error.h"
#include "storage/file/hdf5_state.h"

namespace hearth {
namespace {

using hdf5_internal::FileAccess;
using hdf5_internal::Handle;
using hdf5_internal::LastHdf5Error;
using hdf5_internal::Must;
using hdf5_internal::Prefixes;
using hdf5_internal::PrepareLibrary;
using hdf5_internal::TypeId;

/// A creation property list of the given class without time stamps.
Handle PropertiesWithoutTimes(hid_t property_class) {
  Handle properties(Must(H5Pcreate(property_class)));
  Must(H5Pset_obj_track_times(properties.get(), false));
  return properties;
}

}  // namespace

void Hdf5File::State::CreateGroups(const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    if (Has(name)) continue;
    const Handle properties = PropertiesWithoutTimes(H5P_GROUP_CREATE);
    const Handle group(H5Gcreate2(file, name.c_str(), H5P_DEFAULT, properties.get(), H5P_DEFAULT));
    if (!group.ok()) FailWrite(name);
  }
}

void Hdf5File::State::WriteAttribute(const std::string& object_name, const std::string& name,
                                     hid_t type, const void* value) const {
  HEARTH_CHECK(writing(), "'{}' is open for reading", path());
  CreateGroups(Prefixes(object_name));
  const Handle object = Open(object_name);
  const Handle space(Must(H5Screate(H5S_SCALAR)));
  const Handle attribute(
      H5Acreate2(object.get(), name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT));
  if (!attribute.ok() || H5Awrite(attribute.get(), type, value) < 0) FailWrite(name);
}

Hdf5File Hdf5File::Create(const std::string& path, int64_t alignment_bytes) {
  PrepareLibrary();
  auto state = std::make_unique<State>();
  state->backing.file = FileDescriptor::CreateOrEmpty(path, 0666);
  state->backing.writing = true;
  const Handle creation = PropertiesWithoutTimes(H5P_FILE_CREATE);
  const Handle access = FileAccess(&state->backing);
  Must(H5Pset_alignment(access.get(), kAlignThresholdBytes, alignment_bytes));
  state->file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get());
  if (state->file < 0) throw StorageError("cannot create '{}': {}", path, LastHdf5Error());
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

std::span<const char> Hdf5File::KeepCopy(std::span<const char> bytes) {
  return state_->copies.emplace_back(bytes.begin(), bytes.end());
}

void Hdf5File::PlaceBytes(const std::string& name, ColumnType type, std::span<const char> bytes,
                          const std::vector<int64_t>& shape) {
  HEARTH_CHECK(state_->writing(), "'{}' is open for reading", path());
  const int64_t element_count = std::ssize(bytes) / SizeOf(type);
  std::vector<std::string> groups = Prefixes(name);
  groups.pop_back();
  state_->CreateGroups(groups);

  std::vector<hsize_t> dims(shape.begin(), shape.end());
  if (shape.empty()) dims.push_back(element_count);
  int64_t product = 1;
  for (const int64_t extent : dims) product *= extent;
  HEARTH_CHECK(product == element_count, "{}: {} values in a shape of {}", name, element_count,
               product);

  const Handle properties = PropertiesWithoutTimes(H5P_DATASET_CREATE);
  Must(H5Pset_layout(properties.get(), H5D_CONTIGUOUS));
  Must(H5Pset_alloc_time(properties.get(), H5D_ALLOC_TIME_EARLY));
  Must(H5Pset_fill_time(properties.get(), H5D_FILL_TIME_NEVER));
  const Handle space(Must(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr)));
  const Handle dataset(H5Dcreate2(state_->file, name.c_str(), TypeId(type), space.get(),
                                  H5P_DEFAULT, properties.get(), H5P_DEFAULT));
  if (!dataset.ok()) state_->FailWrite(name);
  if (element_count == 0) return;
  // Early allocation makes the place final, and HDF5 itself never touches it.
  const haddr_t offset = H5Dget_offset(dataset.get());
  if (offset == HADDR_UNDEF) state_->FailWrite(name);
  state_->backing.image.Place(offset, bytes);
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

}  // namespace hearth

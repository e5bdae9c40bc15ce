// Shards that no hearth writes. Each is a good shard except for one fault, and all hashes are
// right.

#include <array>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include "common/error.h"
#include "common/hash.h"
#include "tests/storage/shard/dataset_fixture.h"

namespace hearth {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using testing_data::NewFolder;
using testing_data::ReadBytes;
using testing_data::WriteBytes;

constexpr hsize_t kEvents = 5;  // of the shard that is changed
constexpr const char* kLabels = "/events/label";

/// Puts another dataset, without content, in place of the labels.
void PutDataset(hid_t file, hid_t type, hid_t space, hid_t properties = H5P_DEFAULT) {
  const hid_t dataset =
      H5Dcreate2(file, kLabels, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  EXPECT_GE(dataset, 0);
  H5Dclose(dataset);
}

hid_t Extent(const std::vector<hsize_t>& extents) {
  return H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr);
}

void PutType(hid_t file, hid_t type) { PutDataset(file, type, Extent({kEvents})); }

void PutChunked(hid_t file, hsize_t chunk, const std::function<void(hid_t)>& add_filter) {
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(properties, 1, &chunk);
  add_filter(properties);
  const hsize_t extent = kEvents, unlimited = H5S_UNLIMITED;
  PutDataset(file, H5T_IEEE_F32LE, H5Screate_simple(1, &extent, &unlimited), properties);
}

void PutVirtual(hid_t file) {
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  const hid_t space = Extent({kEvents});
  H5Pset_virtual(properties, space, "/etc/passwd", "/x", space);
  PutDataset(file, H5T_IEEE_F32LE, space, properties);
}

void PutExternal(hid_t file) {
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(properties, "/etc/passwd", 0, kEvents * 4);
  PutDataset(file, H5T_IEEE_F32LE, Extent({kEvents}), properties);
}

hid_t Compound() {
  const hid_t type = H5Tcreate(H5T_COMPOUND, 4);
  H5Tinsert(type, "label", 0, H5T_IEEE_F32LE);
  return type;
}

hid_t VariableText() {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  return type;
}

hid_t ArrayOfOne() {
  const hsize_t one = 1;
  return H5Tarray_create2(H5T_IEEE_F32LE, 1, &one);
}

/// Puts another attribute in place of the number of tasks.
void PutTaskCount(hid_t file, hid_t type, hid_t space) {
  H5Adelete(file, "task_count");
  const hid_t attribute = H5Acreate2(file, "task_count", type, space, H5P_DEFAULT, H5P_DEFAULT);
  EXPECT_GE(attribute, 0);
  H5Aclose(attribute);
}

struct Deviation {
  const char* name;
  std::function<void(hid_t file)> put;  ///< the labels are gone when it is called
};

const Deviation kDeviations[] = {
    {"MissingLabels", [](hid_t) {}},
    {"BigEndian", [](hid_t file) { PutType(file, H5T_IEEE_F32BE); }},
    {"Double", [](hid_t file) { PutType(file, H5T_IEEE_F64LE); }},
    {"Integer", [](hid_t file) { PutType(file, H5T_STD_I32LE); }},
    {"Bitfield", [](hid_t file) { PutType(file, H5T_STD_B32LE); }},
    {"Reference", [](hid_t file) { PutType(file, H5T_STD_REF_OBJ); }},
    {"Opaque", [](hid_t file) { PutType(file, H5Tcreate(H5T_OPAQUE, 4)); }},
    {"CompoundOfOne", [](hid_t file) { PutType(file, Compound()); }},
    {"VariableText", [](hid_t file) { PutType(file, VariableText()); }},
    {"VariableLength", [](hid_t file) { PutType(file, H5Tvlen_create(H5T_IEEE_F32LE)); }},
    {"ArrayOfOne", [](hid_t file) { PutType(file, ArrayOfOne()); }},
    {"Scalar", [](hid_t file) { PutDataset(file, H5T_IEEE_F32LE, H5Screate(H5S_SCALAR)); }},
    {"Null", [](hid_t file) { PutDataset(file, H5T_IEEE_F32LE, H5Screate(H5S_NULL)); }},
    {"Matrix",
     [](hid_t file) {
       PutDataset(file, H5T_IEEE_F32LE, Extent({kEvents, 1}));
     }},
    {"ManyDimensions",
     [](hid_t file) {
       PutDataset(file, H5T_IEEE_F32LE, Extent({kEvents, 1, 1, 1, 1, 1, 1, 1, 1}));
     }},
    {"TooLong", [](hid_t file) { PutDataset(file, H5T_IEEE_F32LE, Extent({kEvents + 1})); }},
    {"Endless", [](hid_t file) { PutDataset(file, H5T_IEEE_F32LE, Extent({hsize_t{1} << 60})); }},
    {"ExtentsThatOverflow",
     [](hid_t file) {
       PutDataset(file, H5T_IEEE_F32LE, Extent({hsize_t{1} << 20, hsize_t{1} << 20, 1 << 10}));
     }},
    {"Chunked", [](hid_t file) { PutChunked(file, 2, [](hid_t) {}); }},
    {"ChunkBomb",
     [](hid_t file) { PutChunked(file, 1 << 29, [](hid_t p) { H5Pset_deflate(p, 9); }); }},
    {"UnknownFilter",
     [](hid_t file) {
       PutChunked(file, 2, [](hid_t p) { H5Pset_filter(p, 32000, H5Z_FLAG_OPTIONAL, 0, nullptr); });
     }},
    {"Virtual", PutVirtual},
    {"External", PutExternal},
    {"NeverWritten", [](hid_t file) { PutType(file, H5T_IEEE_F32LE); }},
    {"Group",
     [](hid_t file) {
       H5Gclose(H5Gcreate2(file, kLabels, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
     }},
    {"NamedType",
     [](hid_t file) {
       H5Tcommit2(file, kLabels, H5Tcopy(H5T_IEEE_F32LE), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
     }},
    {"SoftLink",
     [](hid_t file) { H5Lcreate_soft("/events/time", file, kLabels, H5P_DEFAULT, H5P_DEFAULT); }},
    {"LinkToItself",
     [](hid_t file) { H5Lcreate_soft(kLabels, file, kLabels, H5P_DEFAULT, H5P_DEFAULT); }},
    {"ExternalLink",
     [](hid_t file) {
       H5Lcreate_external("/etc/passwd", "/x", file, kLabels, H5P_DEFAULT, H5P_DEFAULT);
     }},
    {"AnotherColumn",
     [](hid_t file) {
       H5Lcreate_hard(file, "/events/time", file, kLabels, H5P_DEFAULT, H5P_DEFAULT);
     }},
    {"CountAsText", [](hid_t file) { PutTaskCount(file, VariableText(), H5Screate(H5S_SCALAR)); }},
    {"CountAsList", [](hid_t file) { PutTaskCount(file, H5T_STD_I64LE, Extent({1000})); }},
    {"CountAsDouble",
     [](hid_t file) { PutTaskCount(file, H5T_IEEE_F64LE, H5Screate(H5S_SCALAR)); }},
};

class ForeignShard : public ::testing::TestWithParam<Deviation> {};

TEST_P(ForeignShard, IsRefusedByName) {
  const std::string folder = NewFolder(), path = folder + "/train-00000.h5";
  DatasetManifest manifest = testing_data::WriteDataset(folder);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  ASSERT_GE(file, 0);
  H5Ldelete(file, kLabels, H5P_DEFAULT);
  GetParam().put(file);
  // The short tests above leave HDF5 objects open. The file itself must be closed.
  std::array<hid_t, 64> open{};
  const ssize_t count =
      H5Fget_obj_ids(file, H5F_OBJ_ALL & ~unsigned{H5F_OBJ_FILE}, open.size(), open.data());
  for (ssize_t i = 0; i < count; ++i) H5Oclose(open[i]);
  H5Fclose(file);

  const std::string bytes = ReadBytes(path);
  WriteBytes(path, bytes);  // under a new inode, so that HDF5 takes it for a new file
  manifest.shards[0].sha256 = Sha256Hex(bytes);
  manifest.shards[0].size_bytes = std::ssize(bytes);
  WriteManifest(folder, manifest);
  for (const ReadMode mode : {ReadMode::kMmap, ReadMode::kPread}) {
    const Dataset dataset({.path = folder, .read = mode});
    EXPECT_THAT([&] { dataset.Shard(0); }, ThrowsMessage<DataError>(HasSubstr(path)));
  }
  const Dataset trusting({.path = folder, .verify = false});
  EXPECT_THAT([&] { trusting.Shard(0); }, ThrowsMessage<DataError>(HasSubstr(path)));
}

INSTANTIATE_TEST_SUITE_P(Deviations, ForeignShard, ::testing::ValuesIn(kDeviations),
                         [](const auto& deviation) { return std::string(deviation.param.name); });

}  // namespace
}  // namespace hearth

#include "storage/file/hdf5.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/error.h"
#include "common/hash.h"
#include "storage/file/durable_file.h"

#ifdef __SANITIZE_ADDRESS__
// The HDF5 library leaks memory when it refuses a damaged file or cannot flush one. The leak
// checker does not see handles that we leak, because HDF5 still reaches them;
// Hdf5File.LeavesNoHandleOpen looks for these.
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5"; }
#endif

namespace hearth {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::string NewPath() {
  const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string path = ::testing::TempDir() + "/hearth-" + std::to_string(::getpid()) + "-" +
                           info->test_suite_name() + "-" + info->name() + ".h5";
  fs::remove(path);
  return path;
}

/// Makes files with the HDF5 library itself, for forms that Hdf5File never writes.
class RawFile {
 public:
  explicit RawFile(const std::string& path)
      : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {}
  ~RawFile() { H5Fclose(file_); }
  hid_t get() const { return file_; }

  void AddDataset(const char* name, hid_t type, hsize_t extent, hid_t properties) const {
    const hid_t space = H5Screate_simple(1, &extent, nullptr);
    const hid_t dataset =
        H5Dcreate2(file_, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    EXPECT_GE(dataset, 0);
    H5Dclose(dataset);
    H5Sclose(space);
  }

 private:
  hid_t file_;
};

template <typename Element>
void ExpectRoundTrip(const std::vector<Element>& values) {
  const std::string path = NewPath();
  Hdf5File file = Hdf5File::Create(path);
  file.WriteDataset("/group/values", values);
  file.Close();
  const Hdf5File back = Hdf5File::OpenReadOnly(path);
  EXPECT_EQ(back.ReadDataset<Element>("/group/values"), values);
  EXPECT_EQ(back.Describe("/group/values").type, ColumnTypeOf<Element>());
}

TEST(Hdf5File, ReadsBackEveryElementType) {
  ExpectRoundTrip<uint8_t>({0, 1, 255});
  ExpectRoundTrip<int32_t>({-7, 0, INT32_MAX});
  ExpectRoundTrip<uint32_t>({0, UINT32_MAX});
  ExpectRoundTrip<int64_t>({INT64_MIN, 0, INT64_MAX});
  ExpectRoundTrip<float>({-1.5F, 0.0F, 3e38F});
  ExpectRoundTrip<double>({-1.5, 1e300});
  ExpectRoundTrip<float>({});
}

TEST(Hdf5File, DescribesShapeAndOffset) {
  const std::string path = NewPath();
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  Hdf5File file = Hdf5File::Create(path);
  file.WriteDataset("/matrix", values, {2, 3});
  file.Close();
  const DatasetInfo info = Hdf5File::OpenReadOnly(path).Describe("/matrix");
  EXPECT_THAT(info.shape, ElementsAre(2, 3));
  EXPECT_EQ(info.element_count, 6);
  EXPECT_EQ(info.size_bytes, 24);
  std::vector<float> raw(6);
  FileDescriptor::OpenForReading(path).ReadAt(raw.data(), 24, info.offset_bytes);
  EXPECT_EQ(raw, values);
}

TEST(Hdf5File, AlignsLargeDatasetsAndDoesNotPadSmallOnes) {
  const std::string path = NewPath();
  Hdf5File file = Hdf5File::Create(path);
  file.WriteDataset("/small", std::vector<float>(100, 1.0F));
  file.WriteDataset("/large", std::vector<float>(20'000, 2.0F));
  file.WriteDataset("/larger", std::vector<float>(40'000, 3.0F));
  file.Close();
  const Hdf5File back = Hdf5File::OpenReadOnly(path);
  EXPECT_LT(back.Describe("/small").offset_bytes, 64 << 10);
  EXPECT_EQ(back.Describe("/large").offset_bytes % (1 << 20), 0);
  EXPECT_EQ(back.Describe("/larger").offset_bytes % (1 << 20), 0);
}

TEST(Hdf5File, KeepsAttributesOfRootGroupAndDataset) {
  const std::string path = NewPath();
  Hdf5File file = Hdf5File::Create(path);
  file.SetAttribute("/", "text", "Amélie");
  file.SetAttribute("/", "empty", "");
  file.SetAttribute("/group", "number", -3);
  file.WriteDataset("/group/values", std::vector<float>{1});
  file.SetAttribute("/group/values", "unit", "s");
  file.Close();
  const Hdf5File back = Hdf5File::OpenReadOnly(path);
  EXPECT_EQ(back.TextAttribute("/", "text"), "Amélie");
  EXPECT_EQ(back.TextAttribute("/", "empty"), "");
  EXPECT_EQ(back.IntAttribute("/group", "number"), -3);
  EXPECT_EQ(back.TextAttribute("/group/values", "unit"), "s");
  EXPECT_TRUE(back.HasAttribute("/", "text"));
  EXPECT_FALSE(back.HasAttribute("/", "other"));
  EXPECT_THROW(back.IntAttribute("/", "text"), DataError);
  EXPECT_THROW(back.TextAttribute("/group", "number"), DataError);
  EXPECT_THAT([&] { back.TextAttribute("/", "other"); },
              ThrowsMessage<DataError>(HasSubstr("attribute 'other' of / is missing")));
}

TEST(Hdf5File, ListsAndFindsObjects) {
  const std::string path = NewPath();
  Hdf5File file = Hdf5File::Create(path);
  file.WriteDataset("/b/two", std::vector<float>{1});
  file.WriteDataset("/b/one", std::vector<float>{1});
  file.WriteDataset("/a", std::vector<float>{1});
  file.Close();
  const Hdf5File back = Hdf5File::OpenReadOnly(path);
  EXPECT_THAT(back.List("/"), ElementsAre("a", "b"));
  EXPECT_THAT(back.List("/b"), ElementsAre("one", "two"));
  EXPECT_TRUE(back.Exists("/b/one"));
  EXPECT_FALSE(back.Exists("/b/three"));
  EXPECT_FALSE(back.Exists("/none/three"));
  EXPECT_THROW(back.List("/a"), DataError);
  EXPECT_THROW(back.Describe("/b"), DataError);
}

TEST(Hdf5File, TheSameContentGivesTheSameBytes) {
  const auto write = [](const std::string& path) {
    Hdf5File file = Hdf5File::Create(path);
    file.SetAttribute("/", "version", 1);
    file.WriteDataset("/deep/er/values", std::vector<float>(30'000, 0.5F));
    file.WriteDataset("/deep/small", std::vector<int64_t>{1, 2});
    file.Close();
    return Sha256OfFile(path);
  };
  const std::string path = NewPath();
  const std::string first = write(path);
  // Time stamps of HDF5 count seconds: the second file is made in a later second.
  const time_t begin = std::time(nullptr);
  while (std::time(nullptr) == begin) std::this_thread::yield();
  EXPECT_EQ(write(path + ".again"), first);
}

TEST(Hdf5File, AWrongTypeIsNamed) {
  const std::string path = NewPath();
  Hdf5File file = Hdf5File::Create(path);
  file.WriteDataset("/values", std::vector<float>{1});
  file.Close();
  const Hdf5File back = Hdf5File::OpenReadOnly(path);
  EXPECT_THAT([&] { back.ReadDataset<double>("/values"); },
              ThrowsMessage<DataError>(HasSubstr("/values is float32, expected float64")));
  EXPECT_THAT([&] { back.ReadDataset<float>("/value"); },
              ThrowsMessage<DataError>(HasSubstr("/value is missing")));
}

TEST(Hdf5File, RefusesFilesThatAreNotThereOrNotHdf5) {
  const std::string path = NewPath();
  EXPECT_THROW(Hdf5File::OpenReadOnly(path), StorageError);
  WriteFileDurably(path, "user_id:token\titem_id:token\n");
  EXPECT_THAT([&] { Hdf5File::OpenReadOnly(path); },
              ThrowsMessage<DataError>(HasSubstr("not a readable HDF5 file")));
  EXPECT_THROW(Hdf5File::OpenReadOnly(::testing::TempDir()), DataError);
  EXPECT_THROW(Hdf5File::Create("/nowhere/at/all.h5"), StorageError);
}

TEST(Hdf5File, RefusesForeignStorageForms) {
  const std::string path = NewPath();
  {
    const RawFile raw(path);
    const hid_t chunked = H5Pcreate(H5P_DATASET_CREATE);
    const hsize_t chunk = 4;
    H5Pset_chunk(chunked, 1, &chunk);
    raw.AddDataset("chunked", H5T_IEEE_F32LE, 8, chunked);
    const hid_t compact = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_layout(compact, H5D_COMPACT);
    raw.AddDataset("compact", H5T_IEEE_F32LE, 8, compact);
    const hid_t external = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(external, "/etc/passwd", 0, 32);
    raw.AddDataset("external", H5T_IEEE_F32LE, 8, external);
    raw.AddDataset("big_endian", H5T_IEEE_F32BE, 8, H5P_DEFAULT);
    const hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, H5T_VARIABLE);
    raw.AddDataset("text", text, 8, H5P_DEFAULT);
    raw.AddDataset("reference", H5T_STD_REF_OBJ, 8, H5P_DEFAULT);
    // A dataset with late allocation that is never written has no place in the file.
    raw.AddDataset("unwritten", H5T_IEEE_F32LE, 8, H5P_DEFAULT);
    raw.AddDataset("huge", H5T_IEEE_F32LE, hsize_t{1} << 60, H5P_DEFAULT);
    H5Lcreate_soft("/unwritten", raw.get(), "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("/etc/other.h5", "/x", raw.get(), "outside", H5P_DEFAULT, H5P_DEFAULT);
  }
  const Hdf5File file = Hdf5File::OpenReadOnly(path);
  for (const char* name : {"/chunked", "/compact", "/external", "/big_endian", "/text",
                           "/reference", "/unwritten", "/huge", "/soft", "/outside"}) {
    EXPECT_THAT([&] { file.Describe(name); }, ThrowsMessage<DataError>(HasSubstr(name))) << name;
    EXPECT_THROW(file.ReadDataset<float>(name), DataError) << name;
  }
}

TEST(Hdf5File, RefusesVariableLengthAttributes) {
  const std::string path = NewPath();
  {
    const RawFile raw(path);
    const hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, H5T_VARIABLE);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(raw.get(), "v", text, space, H5P_DEFAULT, H5P_DEFAULT);
    const char* value = "text";
    H5Awrite(attribute, text, &value);
    H5Aclose(attribute);
    const hsize_t two = 2;
    const hid_t pair = H5Screate_simple(1, &two, nullptr);
    H5Aclose(H5Acreate2(raw.get(), "two", H5T_STD_I64LE, pair, H5P_DEFAULT, H5P_DEFAULT));
  }
  const Hdf5File file = Hdf5File::OpenReadOnly(path);
  EXPECT_THROW(file.TextAttribute("/", "v"), DataError);
  EXPECT_THROW(file.IntAttribute("/", "two"), DataError);
}

TEST(Hdf5File, EveryTruncationIsRefusedWithoutHarm) {
  const std::string path = NewPath();
  Hdf5File file = Hdf5File::Create(path);
  file.WriteDataset("/group/values", std::vector<float>(50, 1.0F));
  file.Close();
  const std::string bytes = ReadWholeFile(path, 1 << 20);
  for (size_t size = 0; size < bytes.size(); size += 7) {
    fs::remove(path);  // some file systems sync a file that is truncated and written again
    std::ofstream(path, std::ios::binary) << bytes.substr(0, size);
    EXPECT_THROW(Hdf5File::OpenReadOnly(path).ReadDataset<float>("/group/values"), DataError)
        << size;
  }
}

TEST(Hdf5File, AFullDiskIsReportedAtEverySizeAndTheNextFileIsWritten) {
  const std::string path = NewPath();
  const auto write = [&] {
    Hdf5File file = Hdf5File::Create(path);
    file.SetAttribute("/", "version", 1);
    file.WriteDataset("/group/values", std::vector<float>(500, 1.0F));
    file.Close();
  };
  write();
  const int64_t full_size_bytes = fs::file_size(path);
  void (*const old_handler)(int) = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  for (int64_t size_bytes = 0; size_bytes < full_size_bytes; size_bytes += 101) {
    const rlimit lower{static_cast<rlim_t>(size_bytes), old.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &lower);
    EXPECT_THAT(write, ThrowsMessage<StorageError>(HasSubstr(path))) << size_bytes;
    ::setrlimit(RLIMIT_FSIZE, &old);
  }
  std::signal(SIGXFSZ, old_handler);
  write();
  EXPECT_EQ(Hdf5File::OpenReadOnly(path).ReadDataset<float>("/group/values").size(), 500U);
}

TEST(Hdf5File, LeavesNoHandleOpen) {
  const std::string path = NewPath();
  const ssize_t before = H5Fget_obj_count(hid_t{H5F_OBJ_ALL}, H5F_OBJ_ALL);
  Hdf5File file = Hdf5File::Create(path);
  file.SetAttribute("/group", "text", "t");
  file.WriteDataset("/group/values", std::vector<float>{1});
  file.Close();
  {
    const Hdf5File back = Hdf5File::OpenReadOnly(path);
    back.ReadDataset<float>("/group/values");
    back.List("/group");
    EXPECT_THROW(back.ReadDataset<double>("/group/values"), DataError);
    EXPECT_THROW(back.Describe("/group"), DataError);
    EXPECT_THROW(back.IntAttribute("/group", "text"), DataError);
    EXPECT_THROW(back.TextAttribute("/group", "none"), DataError);
  }
  EXPECT_EQ(H5Fget_obj_count(hid_t{H5F_OBJ_ALL}, H5F_OBJ_ALL), before);
}

TEST(Hdf5File, OpensInManyThreadsAtOnce) {
  const std::string path = NewPath();
  Hdf5File file = Hdf5File::Create(path);
  std::vector<int64_t> values(10'000);
  std::iota(values.begin(), values.end(), 0);
  file.WriteDataset("/values", values);
  file.Close();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        EXPECT_EQ(Hdf5File::OpenReadOnly(path).ReadDataset<int64_t>("/values"), values);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace hearth

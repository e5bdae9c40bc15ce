// Random users out of one shard: ShardReader (mmap at the datasets' offsets, then a copy of the
// three columns) against one H5Dread per user and column. Warm page cache, one core, interleaved.
//   sampler_bench [USERS] [EVENTS_PER_USER] [ROUNDS]   defaults 200000 50 7; prints a table and
//   JSON
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <hdf5.h>

#include "bench/interleaved.h"
#include "common/error.h"
#include "common/random.h"
#include "storage/shard/shard_file.h"

namespace hearth {
namespace {

constexpr int64_t kBlock = 1024;  // users per unit of work

ShardContent MakeContent(int64_t users, int64_t events_per_user) {
  ShardContent content;
  RandomStream random(1, Purpose::kTest);
  for (int64_t u = 0; u < users; ++u) {
    const int64_t length =
        1 + static_cast<int64_t>(random.NextBelow(static_cast<uint64_t>(2 * events_per_user - 1)));
    for (int64_t i = 0; i < length; ++i) {
      content.items.push_back(static_cast<uint32_t>(random.NextBelow(100000)));
      content.times.push_back(i);
      content.labels.push_back(static_cast<float>(random.NextBelow(5)));
    }
    content.task_ids.push_back(u);
    content.offsets.push_back(content.event_count());
  }
  return content;
}

// Buffers of one user's columns.
struct Columns {
  explicit Columns(size_t capacity) : items(capacity), times(capacity), labels(capacity) {}
  std::vector<uint32_t> items;
  std::vector<int64_t> times;
  std::vector<float> labels;
  double checksum = 0.0;  // keeps the compiler from dropping the copies
};

class DatasetPerUser {
 public:
  DatasetPerUser(hid_t file, const char* name, hid_t type)
      : dataset_(H5Dopen2(file, name, H5P_DEFAULT)), space_(H5Dget_space(dataset_)), type_(type) {
    HEARTH_CHECK(dataset_ >= 0 && space_ >= 0);
  }
  ~DatasetPerUser() {
    H5Sclose(space_);
    H5Dclose(dataset_);
  }
  void Read(int64_t begin, int64_t count, void* out) const {
    const auto start = static_cast<hsize_t>(begin), size = static_cast<hsize_t>(count);
    H5Sselect_hyperslab(space_, H5S_SELECT_SET, &start, nullptr, &size, nullptr);
    const hid_t memory = H5Screate_simple(1, &size, nullptr);
    HEARTH_CHECK(H5Dread(dataset_, type_, memory, space_, H5P_DEFAULT, out) >= 0);
    H5Sclose(memory);
  }

 private:
  hid_t dataset_, space_, type_;
};

int Main(int argc, char** argv) {
  const int64_t users = argc > 1 ? std::atoll(argv[1]) : 200000;
  const int64_t events = argc > 2 ? std::atoll(argv[2]) : 50;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 7;
  const std::string folder = std::filesystem::temp_directory_path() / "hearth-sampler-bench";
  std::filesystem::create_directories(folder);
  const ShardContent content = MakeContent(users, events);
  const ShardEntry entry = WriteShard(folder, "train-00000.h5", kTrainPart, "user", content);
  const std::string path = folder + "/train-00000.h5";
  const ShardReader reader(path, entry, ReadMode::kMmap);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  {
    const DatasetPerUser items(file, "/events/item", H5T_NATIVE_UINT32);
    const DatasetPerUser times(file, "/events/time", H5T_NATIVE_INT64);
    const DatasetPerUser labels(file, "/events/label", H5T_NATIVE_FLOAT);
    Columns by_mmap(static_cast<size_t>(2 * events)), by_hdf5(static_cast<size_t>(2 * events));
    uint64_t mmap_block = 0, hdf5_block = 0;
    const auto each_user = [&](uint64_t block, const auto& visit) {
      RandomStream random(2, Purpose::kTest, block);
      for (int64_t i = 0; i < kBlock; ++i) {
        visit(static_cast<int64_t>(random.NextBelow(static_cast<uint64_t>(users))));
      }
    };
    const auto read_mmap = [&](int64_t user) {
      const TaskView task = reader.task(user);
      std::memcpy(by_mmap.items.data(), task.items.data(), task.items.size_bytes());
      std::memcpy(by_mmap.times.data(), task.times.data(), task.times.size_bytes());
      std::memcpy(by_mmap.labels.data(), task.labels.data(), task.labels.size_bytes());
      by_mmap.checksum += by_mmap.labels[0] + static_cast<double>(by_mmap.items[0]);
    };
    const auto read_hdf5 = [&](int64_t user) {
      const auto i = static_cast<size_t>(user);
      const int64_t begin = content.offsets[i], count = content.offsets[i + 1] - begin;
      items.Read(begin, count, by_hdf5.items.data());
      times.Read(begin, count, by_hdf5.times.data());
      labels.Read(begin, count, by_hdf5.labels.data());
      by_hdf5.checksum += by_hdf5.labels[0] + static_cast<double>(by_hdf5.items[0]);
    };
    each_user(0, read_mmap);
    each_user(0, read_hdf5);
    HEARTH_CHECK(by_mmap.checksum == by_hdf5.checksum, "the two ways read different values");

    InterleavedRounds timing(rounds, 1.0);
    timing.Run({{"mmap", kBlock, [&] { each_user(mmap_block++, read_mmap); }},
                {"hdf5", kBlock, [&] { each_user(hdf5_block++, read_hdf5); }}});
    const nlohmann::json ratio = timing.RatioJson(0, 1);
    std::printf("random users, %lld users x %lld events (mean), 3 columns, 1 core, %d rounds\n",
                static_cast<long long>(users), static_cast<long long>(events), rounds);
    std::printf("%-28s %14.0f users/s\n", "H5Dread per user", timing.Rate(1));
    std::printf("%-28s %14.0f users/s\n", "hearth ShardReader (mmap)", timing.Rate(0));
    std::printf("mmap / H5Dread: %.1fx (rounds %.1f .. %.1f)\n", ratio["median"].get<double>(),
                ratio["min"].get<double>(), ratio["max"].get<double>());
    const nlohmann::json json = {{"users", users},
                                 {"mmap_users_per_s", timing.Rate(0)},
                                 {"hdf5_users_per_s", timing.Rate(1)},
                                 {"ratio", ratio}};
    std::printf("%s\n", json.dump().c_str());
  }
  H5Fclose(file);
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) { return hearth::Main(argc, argv); }

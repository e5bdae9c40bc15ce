// Reads random users from one shard. It compares ShardReader (mmap at the datasets' offsets, then a
// copy of the three columns) with one H5Dread per user and column. The page cache is warm; the
// contestants share one core and take turns.
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

// Reads one user at a time through hearth's reader.
class MappedUsers {
 public:
  MappedUsers(const std::string& path, const ShardEntry& entry, size_t capacity)
      : reader_(path, entry, ReadMode::kMmap), columns_(capacity) {}
  void Read(int64_t user) {
    const TaskView task = reader_.task(user);
    std::memcpy(columns_.items.data(), task.items.data(), task.items.size_bytes());
    std::memcpy(columns_.times.data(), task.times.data(), task.times.size_bytes());
    std::memcpy(columns_.labels.data(), task.labels.data(), task.labels.size_bytes());
    columns_.checksum += columns_.labels[0] + static_cast<double>(columns_.items[0]);
  }
  double checksum() const { return columns_.checksum; }

 private:
  ShardReader reader_;
  Columns columns_;
};

// Reads with one H5Dread per user and column.
class Hdf5Users {
 public:
  Hdf5Users(const std::string& path, const std::vector<int64_t>& offsets, size_t capacity)
      : offsets_(offsets),
        file_(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT)),
        items_(file_, "/events/item", H5T_NATIVE_UINT32),
        times_(file_, "/events/time", H5T_NATIVE_INT64),
        labels_(file_, "/events/label", H5T_NATIVE_FLOAT),
        columns_(capacity) {
    H5Fclose(file_);  // the open data sets keep the file open
  }
  void Read(int64_t user) {
    const auto i = static_cast<size_t>(user);
    const int64_t begin = offsets_[i], count = offsets_[i + 1] - begin;
    items_.Read(begin, count, columns_.items.data());
    times_.Read(begin, count, columns_.times.data());
    labels_.Read(begin, count, columns_.labels.data());
    columns_.checksum += columns_.labels[0] + static_cast<double>(columns_.items[0]);
  }
  double checksum() const { return columns_.checksum; }

 private:
  const std::vector<int64_t>& offsets_;
  hid_t file_;
  DatasetPerUser items_, times_, labels_;
  Columns columns_;
};

// Reads block number `block`: kBlock users at random.
void ReadBlock(uint64_t block, int64_t user_count, auto& users) {
  RandomStream random(2, Purpose::kTest, block);
  for (int64_t i = 0; i < kBlock; ++i) {
    users.Read(static_cast<int64_t>(random.NextBelow(static_cast<uint64_t>(user_count))));
  }
}

void Report(const InterleavedRounds& timing, int64_t users, int64_t events, int rounds) {
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

int Main(int argc, char** argv) {
  const int64_t users = argc > 1 ? std::atoll(argv[1]) : 200000;
  const int64_t events = argc > 2 ? std::atoll(argv[2]) : 50;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 7;
  const std::string folder = std::filesystem::temp_directory_path() / "hearth-sampler-bench";
  std::filesystem::create_directories(folder);
  const ShardContent content = MakeContent(users, events);
  const ShardEntry entry = WriteShard(folder, "train-00000.h5", kTrainPart, "user", content);
  const std::string path = folder + "/train-00000.h5";
  const auto longest = static_cast<size_t>(2 * events);
  MappedUsers mapped(path, entry, longest);
  Hdf5Users hdf5(path, content.offsets, longest);
  ReadBlock(0, users, mapped);
  ReadBlock(0, users, hdf5);
  HEARTH_CHECK(mapped.checksum() == hdf5.checksum(), "the two ways read different values");

  InterleavedRounds timing(rounds, 1.0);
  uint64_t mapped_block = 0, hdf5_block = 0;
  timing.Run({{"mmap", kBlock, [&] { ReadBlock(mapped_block++, users, mapped); }},
              {"hdf5", kBlock, [&] { ReadBlock(hdf5_block++, users, hdf5); }}});
  Report(timing, users, events, rounds);
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) { return hearth::Main(argc, argv); }

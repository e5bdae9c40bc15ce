// Throughput of writing a checkpoint part, against H5Dwrite and fsync on the same disk in turn.
//   checkpoint_bench [FOLDER] [MEBIBYTES] [ROUNDS]     prints JSON
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <hdf5.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "bench/interleaved.h"
#include "common/error.h"
#include "common/hash.h"
#include "storage/checkpoint/writer.h"

namespace hearth {
namespace {

constexpr int64_t kWidth = 64;

/// Two tables and their optimizer moments, as a rank holds them.
struct State {
  explicit State(int64_t size_bytes) {
    const int64_t rows = size_bytes / (kWidth * int64_t{sizeof(float)});
    values.resize(static_cast<size_t>(rows * kWidth));
    for (size_t i = 0; i < values.size(); ++i) values[i] = 1e-6f * static_cast<float>(i % 1000003);
    const int64_t part = rows / 4;
    for (int table = 0; table < 4; ++table) {
      arrays.push_back(WholeArray(fmt::format("tables/table-{}/rows", table), {part, kWidth},
                                  values.data() + table * part * kWidth));
    }
  }
  std::vector<float> values;
  std::vector<NamedArray> arrays;
};

/// The plain way: a default HDF5 file, H5Dwrite of each array, fsync.
void WritePlainly(const std::string& path, const State& state) {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  HEARTH_CHECK(file >= 0);
  for (size_t i = 0; i < state.arrays.size(); ++i) {
    const NamedArray& array = state.arrays[i];
    const hsize_t shape[] = {static_cast<hsize_t>(array.rows.size()), kWidth};
    const hid_t space = H5Screate_simple(2, shape, nullptr);
    const hid_t dataset = H5Dcreate2(file, fmt::format("rows-{}", i).c_str(), H5T_IEEE_F32LE, space,
                                     H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    HEARTH_CHECK(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.data) >=
                 0);
    H5Dclose(dataset);
    H5Sclose(space);
  }
  HEARTH_CHECK(H5Fclose(file) >= 0);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  HEARTH_CHECK(fd >= 0 && ::fsync(fd) == 0 && ::close(fd) == 0);
}

void Bench(const std::string& parent, int64_t size_bytes, int rounds) {
  const std::string folder = fmt::format("{}/hearth-checkpoint-bench-{}", parent, ::getpid());
  std::filesystem::create_directories(folder);
  const State state(size_bytes);
  const PartHeader header{"bench", 1, 0, 1};
  const std::string plain = folder + "/plain.h5";
  const double gigabytes = static_cast<double>(state.values.size() * sizeof(float)) / 1e9;
  std::string sha256;
  // A new file each time, as in training; its removal has a turn of its own.
  const Contestant remove{"remove", 1.0, [&] {
                            std::filesystem::remove_all(folder);
                            std::filesystem::create_directories(folder);
                          }};
  InterleavedRounds timing(rounds, 1e-9);
  timing.Run({{"hearth: written, hashed, synced, renamed", gigabytes,
               [&] { sha256 = WriteCheckpointPart(folder, header, state.arrays).sha256; }},
              remove,
              {"H5Dwrite + fsync", gigabytes, [&] { WritePlainly(plain, state); }},
              remove,
              {"H5Dwrite + fsync + SHA-256 of the file", gigabytes,
               [&] {
                 WritePlainly(plain, state);
                 sha256 = Sha256OfFile(plain);
               }},
              remove});
  const nlohmann::ordered_json report = {
      {"gigabytes", gigabytes},
      {"rounds", rounds},
      {"hearth_gb_per_sec", timing.Rate(0)},
      {"h5dwrite_fsync_gb_per_sec", timing.Rate(2)},
      {"h5dwrite_fsync_sha256_gb_per_sec", timing.Rate(4)},
      {"ratio_to_h5dwrite_fsync", timing.RatioJson(0, 2)},
      {"ratio_to_h5dwrite_fsync_sha256", timing.RatioJson(0, 4)},
  };
  fmt::print("{}\n", report.dump(2));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : ".";
  const int64_t mebibytes = argc > 2 ? std::stoll(argv[2]) : 1024;
  const int rounds = argc > 3 ? std::stoi(argv[3]) : 5;
  hearth::Bench(folder, mebibytes << 20, rounds);
}

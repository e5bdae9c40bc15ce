// Measures the cost of saving on one disk. It compares the writing of a checkpoint piece with
// H5Dwrite and fsync and with the disk itself, the time that training waits for a save with memcpy
// of the same bytes, and the bytes of a delta with the bytes of the changed rows. The contestants
// take turns.
//   checkpoint_bench [FOLDER] [MEBIBYTES] [ROUNDS]     prints JSON
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <hdf5.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "bench/interleaved.h"
#include "cluster/self_communicator.h"
#include "common/error.h"
#include "common/hash.h"
#include "storage/checkpoint/writer.h"
#include "trainer/state/checkpoint_saver.h"

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
  int64_t size_bytes() const { return std::ssize(values) * int64_t{sizeof(float)}; }
  double gigabytes() const { return static_cast<double>(size_bytes()) / 1e9; }

  std::vector<float> values;
  std::vector<NamedArray> arrays;
};

/// Writes in the plain way: a default HDF5 file, H5Dwrite of each array, fsync.
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

/// Writes at the limit of the disk: aligned blocks past the page cache, with no hash and no copy.
void WriteRaw(const std::string& path, int64_t size_bytes) {
  constexpr int64_t kBlockBytes = int64_t{8} << 20;
  static const std::unique_ptr<void, decltype(&std::free)> block(
      std::aligned_alloc(4096, kBlockBytes), &std::free);
  std::memset(block.get(), 1, kBlockBytes);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_DIRECT, 0600);
  HEARTH_CHECK(fd >= 0, "{}: no direct writes on this file system", path);
  for (int64_t offset = 0; offset < size_bytes; offset += kBlockBytes) {
    HEARTH_CHECK(::pwrite(fd, block.get(), kBlockBytes, offset) == kBlockBytes);
  }
  HEARTH_CHECK(::fsync(fd) == 0 && ::close(fd) == 0);
}

std::string FreshFolder(const std::string& parent, const std::string& name) {
  std::string folder = fmt::format("{}/hearth-checkpoint-bench-{}/{}", parent, ::getpid(), name);
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

nlohmann::ordered_json BenchWriting(const std::string& parent, const State& state, int rounds) {
  const PieceHeader header{"bench", 1, 0, 1};
  std::string folder = FreshFolder(parent, "parts");
  const std::string plain = folder + "/plain.h5", raw = folder + "/raw";
  std::string sha256;
  // Each save makes a new file, as in training. The removal of the file has a turn of its own.
  const TimedWork remove{"remove", 1.0, [&] { FreshFolder(parent, "parts"); }};
  InterleavedRounds timing(rounds, 1e-9);
  timing.Run({{"hearth: written, hashed, synced, renamed", state.gigabytes(),
               [&] { sha256 = WriteCheckpointPiece(folder, header, state.arrays).sha256; }},
              remove,
              {"H5Dwrite + fsync", state.gigabytes(), [&] { WritePlainly(plain, state); }},
              remove,
              {"H5Dwrite + fsync + SHA-256 of the file", state.gigabytes(),
               [&] {
                 WritePlainly(plain, state);
                 sha256 = Sha256OfFile(plain);
               }},
              remove,
              {"the disk", state.gigabytes(), [&] { WriteRaw(raw, state.size_bytes()); }},
              remove});
  return {{"hearth_gb_per_sec", timing.Rate(0)},
          {"h5dwrite_fsync_gb_per_sec", timing.Rate(2)},
          {"h5dwrite_fsync_sha256_gb_per_sec", timing.Rate(4)},
          {"disk_gb_per_sec", timing.Rate(6)},
          {"ratio_to_h5dwrite_fsync", timing.RatioJson(0, 2)},
          {"ratio_to_h5dwrite_fsync_sha256", timing.RatioJson(0, 4)},
          {"ratio_to_the_disk", timing.RatioJson(0, 6)}};
}

nlohmann::ordered_json BenchSaving(const std::string& parent, const State& state, int rounds) {
  SelfCommunicator self;
  CheckpointSaver::Options options;
  options.run_dir = FreshFolder(parent, "run");
  options.keep = 1;
  options.copy_bytes = 2 * state.size_bytes();
  CheckpointSaver saver(options, self);
  CheckpointManifest manifest;
  manifest.run_id = "bench";
  std::vector<float> copy(state.values.size(), 0.0f);
  std::vector<double> save_sec;
  InterleavedRounds timing(rounds, 1e-9);
  timing.Run({{"begin of a save", state.gigabytes(),
               [&] {
                 ++manifest.step;
                 saver.Begin(CheckpointSaver::Kind::kWhole, manifest, state.arrays, {});
               }},
              {"rest of the save", state.gigabytes(),
               [&] {
                 const SaveOutcome outcome = saver.Finish();
                 HEARTH_CHECK(!outcome.failure, "{}", outcome.failure->message);
                 save_sec.push_back(outcome.save_sec);
               }},
              {"memcpy", state.gigabytes(), [&] {
                 std::memcpy(copy.data(), state.values.data(),
                             static_cast<size_t>(state.size_bytes()));
               }}});
  return {{"begin_ms", 1e3 * state.gigabytes() / timing.Rate(0)},
          {"memcpy_ms", 1e3 * state.gigabytes() / timing.Rate(2)},
          {"save_sec", InterleavedRounds::Median(save_sec)},
          {"ratio_of_begin_to_memcpy_time", timing.RatioJson(2, 0)}};
}

/// Saves a whole checkpoint, and then a delta. Every 20th row of each array has changed.
nlohmann::ordered_json BenchDelta(const std::string& parent, const State& state) {
  SelfCommunicator self;
  CheckpointSaver::Options options;
  options.run_dir = FreshFolder(parent, "delta");
  options.max_deltas = 1;
  CheckpointSaver saver(options, self);
  CheckpointManifest manifest;
  manifest.run_id = "bench";
  saver.Begin(CheckpointSaver::Kind::kWhole, manifest, state.arrays, {});
  const SaveOutcome whole = saver.Finish();
  std::vector<NamedArray> changes = state.arrays;
  int64_t changed_bytes = 0;
  for (NamedArray& array : changes) {
    TouchedRows touched{array.name, array.rows, {}};
    for (int64_t row = 0; row < array.rows.size(); row += 20) {
      touched.offsets.push_back(static_cast<uint32_t>(row));
    }
    array.touched = std::make_shared<TouchedRows>(std::move(touched));
    changed_bytes += array.size_bytes();
  }
  HEARTH_CHECK(saver.PrefersDelta(state.size_bytes(), changed_bytes));
  ++manifest.step;
  saver.Begin(CheckpointSaver::Kind::kDelta, manifest, changes, {});
  const SaveOutcome delta = saver.Finish();
  HEARTH_CHECK(!delta.failure, "{}", delta.failure->message);
  return {{"whole_bytes", whole.size_bytes},
          {"whole_sec", whole.save_sec},
          {"delta_bytes", delta.size_bytes},
          {"delta_sec", delta.save_sec},
          {"ratio_of_delta_to_changed_bytes",
           static_cast<double>(delta.size_bytes) / static_cast<double>(changed_bytes)}};
}

void Bench(const std::string& parent, int64_t size_bytes, int rounds) {
  const State state(size_bytes);
  const nlohmann::ordered_json report = {{"gigabytes", state.gigabytes()},
                                         {"rounds", rounds},
                                         {"writing", BenchWriting(parent, state, rounds)},
                                         {"saving", BenchSaving(parent, state, rounds)},
                                         {"delta", BenchDelta(parent, state)}};
  fmt::print("{}\n", report.dump(2));
  std::filesystem::remove_all(fmt::format("{}/hearth-checkpoint-bench-{}", parent, ::getpid()));
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : ".";
  const int64_t mebibytes = argc > 2 ? std::stoll(argv[2]) : 1024;
  const int rounds = argc > 3 ? std::stoi(argv[3]) : 5;
  hearth::Bench(folder, mebibytes << 20, rounds);
}

// How long training waits for a save: CheckpointSaver::Begin against memcpy of the same bytes in
// turn.
//   save_bench [FOLDER] [MEBIBYTES] [ROUNDS]     prints JSON
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "bench/interleaved.h"
#include "cluster/self_communicator.h"
#include "common/error.h"
#include "trainer/checkpoint_saver.h"

namespace hearth {
namespace {

constexpr int64_t kWidth = 64;

void Bench(const std::string& parent, int64_t size_bytes, int rounds) {
  const std::string folder = fmt::format("{}/hearth-save-bench-{}", parent, ::getpid());
  std::filesystem::create_directories(folder);
  const int64_t rows = size_bytes / (kWidth * int64_t{sizeof(float)});
  const std::vector<float> state(static_cast<size_t>(rows * kWidth), 0.5f);
  std::vector<float> copy(state.size(), 0.0f);
  const double gigabytes = static_cast<double>(state.size() * sizeof(float)) / 1e9;
  SelfCommunicator self;
  CheckpointSaver::Options options;
  options.run_dir = folder;
  options.keep = 1;
  options.copy_bytes = 2 * size_bytes;
  CheckpointSaver saver(options, self);
  CheckpointManifest manifest;
  manifest.run_id = "bench";
  SaveOutcome outcome;
  std::vector<double> save_sec;
  InterleavedRounds timing(rounds, 1e-9);
  timing.Run({{"begin of a save", gigabytes,
               [&] {
                 ++manifest.step;
                 saver.Begin(manifest, {WholeArray("rows", {rows, kWidth}, state.data())}, {});
               }},
              {"rest of the save", gigabytes,
               [&] {
                 outcome = saver.Finish();
                 HEARTH_CHECK(!outcome.failure, "{}", outcome.failure->message);
                 save_sec.push_back(outcome.save_sec);
               }},
              {"memcpy", gigabytes,
               [&] { std::memcpy(copy.data(), state.data(), state.size() * sizeof(float)); }}});
  const nlohmann::ordered_json report = {
      {"gigabytes", gigabytes},
      {"rounds", rounds},
      {"begin_ms", 1e3 * gigabytes / timing.Rate(0)},
      {"memcpy_ms", 1e3 * gigabytes / timing.Rate(2)},
      {"save_sec", InterleavedRounds::Median(save_sec)},
      {"ratio_of_memcpy_to_begin_rate", timing.RatioJson(2, 0)},
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

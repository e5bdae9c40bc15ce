#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "storage/checkpoint/folder.h"
#include "storage/checkpoint/reader.h"
#include "storage/checkpoint/writer.h"

namespace hearth {

/// Each test has its own run folder and a small model. The model's values are a pure function of
/// the step.
class CheckpointFixture : public ::testing::Test {
 protected:
  static constexpr int64_t kRows = 37, kWidth = 5;

  CheckpointFixture()
      : run_dir_(fmt::format("{}/hearth-ckpt-{}-{}", ::testing::TempDir(), ::getpid(),
                             counter_.fetch_add(1))) {
    std::filesystem::create_directories(run_dir_);
  }
  ~CheckpointFixture() override { std::filesystem::remove_all(run_dir_); }

  static std::vector<float> TableAt(int64_t step) {
    std::vector<float> table(kRows * kWidth);
    for (size_t i = 0; i < table.size(); ++i) {
      table[i] = static_cast<float>(step) * 0.5f + static_cast<float>(i) * 0.25f;
    }
    return table;
  }
  static std::vector<double> ParametersAt(int64_t step) {
    return {0.1 * static_cast<double>(step), -1.0, 1e-300, -0.0};
  }

  static bool IsTouched(int64_t row, int64_t step) { return (7 * row + step) % 10 < 3; }

  /// Rank r of n writes rows [37 r / n, 37 (r + 1) / n) of the table; rank 0 also writes the
  /// parameters. If the step has a base (base_of_), a rank writes no table rows but the touched.
  CheckpointPiece WritePiece(const std::string& folder, int64_t step, int rank, int world_size) {
    const std::vector<float> table = TableAt(step);
    const std::vector<double> parameters = ParametersAt(step);
    const int64_t counter = step * 1000;
    const int64_t begin = kRows * rank / world_size, end = kRows * (rank + 1) / world_size;
    std::vector<NamedArray> arrays = {ArraySlice("tables/items/rows", {end - begin, kWidth}, begin,
                                                 kRows, table.data() + begin * kWidth)};
    std::vector<float> values;
    if (base_of_.contains(step)) {
      TouchedRows touched{"tables/items", arrays[0].rows, {}};
      for (int64_t row = begin; row < end; ++row) {
        if (!IsTouched(row, step)) continue;
        const uint32_t offset = static_cast<uint32_t>(row - begin);
        touched.offsets.push_back(offset);
        values.insert(values.end(), table.begin() + row * kWidth,
                      table.begin() + (row + 1) * kWidth);
      }
      arrays[0].data = values.data();
      arrays[0].touched = std::make_shared<TouchedRows>(std::move(touched));
    }
    if (rank == 0) {
      arrays.push_back(WholeArray("parameters/adapted", {4}, parameters.data()));
      arrays.push_back(WholeArray("optimizer/counter", {1}, &counter));
      arrays.push_back(WholeArray<int32_t>("tables/items/evicted", {0}, nullptr));
    }
    return WriteCheckpointPiece(folder, {run_id_, step, rank, world_size}, arrays);
  }

  CheckpointManifest ManifestAt(int64_t step, std::vector<CheckpointPiece> pieces) const {
    CheckpointManifest manifest;
    manifest.run_id = run_id_;
    manifest.step = step;
    manifest.epoch = step / 10;
    if (const auto base = base_of_.find(step); base != base_of_.end()) {
      const std::string path = CheckpointPath(run_dir_, base->second);
      manifest.base = CheckpointBase{base->second, ReadCheckpointManifest(path).sha256};
    }
    manifest.world_size = static_cast<int>(pieces.size());
    manifest.config_hash = std::string(64, 'c');
    manifest.tool_version = "0.1.0";
    manifest.metric = CheckpointMetric{"rmse", 1.0 / static_cast<double>(step + 1)};
    manifest.scalars = {{"sampler", {{"seed", 7}, {"step", step}}}, {"best", 0.1}};
    manifest.pieces = std::move(pieces);
    return manifest;
  }

  /// Prepares and writes everything but does not commit.
  std::pair<std::string, CheckpointManifest> WriteAside(int64_t step, int world_size = 2) {
    const std::string folder = PrepareCheckpoint(run_dir_, step, run_id_);
    std::vector<CheckpointPiece> pieces;
    for (int rank = 0; rank < world_size; ++rank) {
      pieces.push_back(WritePiece(folder, step, rank, world_size));
    }
    return {folder, ManifestAt(step, std::move(pieces))};
  }

  std::string Save(int64_t step, int world_size = 2) {
    const auto [folder, manifest] = WriteAside(step, world_size);
    return CommitCheckpoint(run_dir_, folder, manifest);
  }

  /// Calls FindNewestValid and collects its refusals in refused_.
  std::optional<std::string> Newest(Author author = Author::kUnknown) {
    refused_.clear();
    const auto announce = [this](const std::string& path, const std::string& reason) {
      refused_.push_back(path + ": " + reason);
    };
    return FindNewestValid(run_dir_, announce, author);
  }

  static std::string Slurp(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static void Overwrite(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  static std::vector<std::string> NamesIn(const std::string& folder) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      names.push_back(entry.path().filename().string());
    }
    std::ranges::sort(names);
    return names;
  }
  /// The message of the Error that `action` throws; "" if it throws none.
  template <typename Action>
  static std::string MessageOf(const Action& action) {
    try {
      action();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  std::string run_id_ = "run-1";
  std::map<int64_t, int64_t> base_of_;  // [step] -> base, for steps saved as deltas
  std::string run_dir_;
  std::vector<std::string> refused_;

 private:
  static inline std::atomic<int> counter_{0};
};

}  // namespace hearth

#include "launch/config/preset.h"

#include <algorithm>

#include "storage/shard/dataset.h"

namespace hearth {
namespace {

// The labels of the data set are in [0, 1]. True if there is none in between.
bool IsBinary(const Dataset& dataset) {
  const auto is_binary = [](float label) { return label == 0.0f || label == 1.0f; };
  for (const int64_t index : dataset.ShardsOf(kTrainPart)) {
    const ShardReader& shard = dataset.Shard(index);
    for (int64_t task = 0; task < shard.task_count(); ++task) {
      if (!std::ranges::all_of(shard.task(task).labels, is_binary)) return false;
    }
  }
  return true;
}

// The data set that the overrides name; "": none.
std::string DataPathOf(const ConfigRequest& request) {
  std::string path;
  for (const std::string& text : request.overrides) {
    const Setting setting = ParseOverride(text);
    if (setting.key == "data.path") path = setting.value.text;
  }
  return path;
}

std::string Chosen(const ConfigRequest& request, const std::string& preset) {
  if (preset != "auto") return preset;
  const std::string path = DataPathOf(request);
  if (!request.files.empty() || path.empty()) return "none";
  return PresetFor(path);
}

}  // namespace

std::vector<std::string> PresetNames() {
  std::vector<std::string> names = {"auto", "none"};
  for (const Preset& preset : AllPresets()) names.emplace_back(preset.name);
  return names;
}

std::string PresetFor(const std::string& data_path) {
  const DatasetManifest manifest = ReadManifest(data_path);
  if (manifest.positive_only) return "clicks";
  const bool may_be_binary = manifest.label_min == 0.0f && manifest.label_max == 1.0f;
  if (may_be_binary && IsBinary(Dataset({.path = data_path}))) return "binary";
  return "ratings";
}

LoadedConfig LoadTrainingConfig(ConfigRequest request, const std::string& preset,
                                std::string* chosen) {
  const std::string name = Chosen(request, preset);
  if (chosen != nullptr) *chosen = name;
  for (const Preset& shipped : AllPresets()) {
    if (shipped.name == name) request.preset = shipped;
  }
  return LoadConfig(request);
}

}  // namespace hearth

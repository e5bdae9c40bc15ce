#include "launch/config/preset.h"

#include <algorithm>
#include <set>

#include "storage/shard/dataset.h"

namespace hearth {
namespace {

// The preset that the manifest alone suggests. No shard is read for a hint.
std::string SuggestedFor(const std::string& data_path) {
  const DatasetManifest manifest = ReadManifest(data_path);
  if (manifest.positive_only) return "clicks";
  if (manifest.label_min == 0.0f && manifest.label_max == 1.0f) return "binary";
  return "ratings";
}

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

// True for keys that say where and how a training runs, not what it learns.
bool IsAboutTheRun(const std::string& key) {
  static const std::set<std::string> kSections = {"run", "data", "log", "dist", "checkpoint"};
  static const std::set<std::string> kKeys = {"train.threads", "train.device",
                                              "train.max_wall_time"};
  return kSections.contains(key.substr(0, key.find('.'))) || kKeys.contains(key);
}

}  // namespace

std::vector<std::string> PresetNames() {
  std::vector<std::string> names = {"auto", "none"};
  for (const Preset& preset : AllPresets()) names.emplace_back(preset.name);
  return names;
}

std::string PresetFor(const std::string& data_path) {
  const std::string suggested = SuggestedFor(data_path);
  if (suggested == "binary" && !IsBinary(Dataset({.path = data_path}))) return "ratings";
  return suggested;
}

PresetChoice ChoosePreset(const ConfigRequest& request) {
  std::string path;
  bool is_about_the_run = true;
  for (const std::string& text : request.overrides) {
    const Setting setting = ParseOverride(text);
    if (setting.key == "data.path") path = setting.value.text;
    is_about_the_run = is_about_the_run && IsAboutTheRun(setting.key);
  }
  if (!request.files.empty() || path.empty()) return {.name = "none", .suggested = {}};
  if (!is_about_the_run) return {.name = "none", .suggested = SuggestedFor(path)};
  return {.name = PresetFor(path), .suggested = {}};
}

LoadedConfig LoadTrainingConfig(ConfigRequest request, const std::string& preset,
                                PresetChoice* choice) {
  PresetChoice made{.name = preset, .suggested = {}};
  if (preset == "auto") made = ChoosePreset(request);
  if (choice != nullptr) *choice = made;
  for (const Preset& shipped : AllPresets()) {
    if (shipped.name == made.name) request.preset = shipped;
  }
  return LoadConfig(request);
}

}  // namespace hearth

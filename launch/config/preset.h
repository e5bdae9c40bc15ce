#pragma once

#include <string>
#include <vector>

#include "launch/config/load.h"

namespace hearth {

/// The presets of configs/.
std::vector<Preset> AllPresets();

/// "auto", "none" and the names of AllPresets(): the values of --preset.
std::vector<std::string> PresetNames();

/// The name of the preset for a data set: clicks for a log of positive events, binary if every
/// training label is 0 or 1, else ratings.
std::string PresetFor(const std::string& data_path);

struct PresetChoice {
  std::string name;  ///< "none" or a name of AllPresets()
  /// None was chosen, because settings are given: the one that the range of the labels suggests.
  std::string suggested;
};

/// The meaning of --preset auto. The preset for the data set that the overrides name, if the
/// request has no file, and overrides only of keys that say where and how a training runs (sections
/// run, data, log, dist and checkpoint; train.threads, train.device, train.max_wall_time). Else
/// none: settings that somebody chooses start from the plain defaults. Throws the errors of
/// ReadManifest and Dataset.
PresetChoice ChoosePreset(const ConfigRequest& request);

/// Reads a configuration for training (LoadConfig). `preset` is one of PresetNames() and lies below
/// files and overrides. `choice`, if not null, receives the preset in use. Throws the errors of
/// LoadConfig and ChoosePreset.
LoadedConfig LoadTrainingConfig(ConfigRequest request, const std::string& preset,
                                PresetChoice* choice = nullptr);

}  // namespace hearth

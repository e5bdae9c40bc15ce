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

/// Reads a configuration for training (LoadConfig). `preset` is one of PresetNames() and lies below
/// files and overrides. auto: the preset for the data set that the overrides name, or none where
/// there are files or no data set. `chosen`, if not null, receives the name of the preset in use.
/// Throws the errors of LoadConfig and Dataset.
LoadedConfig LoadTrainingConfig(ConfigRequest request, const std::string& preset,
                                std::string* chosen = nullptr);

}  // namespace hearth

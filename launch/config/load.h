#pragma once

#include <map>
#include <string>
#include <vector>

#include "launch/config/config.h"
#include "launch/config/setting.h"

namespace hearth {

/// What a command line says about configuration.
struct ConfigRequest {
  std::vector<std::string> files;  ///< later ones win
  std::vector<std::string>
      overrides;  ///< "key=value"; win over files, later ones over earlier ones
};

/// Who set a key.
struct Origin {
  Place place;
  int layer = 0;  ///< 1, 2, ... for files in order; overrides are the last layer
};

struct LoadedConfig {
  Config config;
  std::map<std::string, Origin> origins;  ///< by key; keys left at their default are absent
};

/// Reads, merges and checks. Overrides are resolved against the working directory, values of a file
/// against the file's folder.
/// Throws ConfigError listing everything that is wrong, UsageError for an override without '='.
LoadedConfig LoadConfig(const ConfigRequest& request);

/// "key=value" as a setting. `[a, b]` is a list. Throws UsageError when there is no '='.
Setting ParseOverride(const std::string& text);

/// Applies settings to a configuration, without the checks of combinations.
void ApplySettings(const std::vector<Setting>& settings, int layer, LoadedConfig* loaded,
                   Problems* problems);

}  // namespace hearth

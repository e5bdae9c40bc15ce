#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "launch/config/config.h"
#include "launch/config/setting.h"

namespace hearth {

/// A configuration of configs/ for one kind of data, as part of the command.
struct Preset {
  std::string_view name;  ///< of the file, without .yaml
  std::string_view text;  ///< YAML
};

/// The configuration arguments of a command line.
struct ConfigRequest {
  Preset preset = {};                   ///< files and overrides win over it; empty: none
  std::vector<std::string> files = {};  ///< a later file wins over an earlier one
  /// "key=value". Overrides win over files, and a later override wins over an earlier one.
  std::vector<std::string> overrides = {};
};

/// The place that set a key.
struct Origin {
  Place place;
  int layer = 0;  ///< 0: preset; 1, 2, ... the files in order; all overrides are the last layer
};

struct LoadedConfig {
  Config config;
  std::map<std::string, Origin> origins;  ///< [key]; a key that nobody set is absent
};

/// Reads the files and overrides, merges them, and checks the result. A relative path in an
/// override starts at the working directory, a relative path in a file at the file's folder. Throws
/// ConfigError with a list of all problems, and UsageError for an override without '='.
LoadedConfig LoadConfig(const ConfigRequest& request);

/// Turns "key=value" into a setting. A value `[a, b]` is a list. Throws UsageError if there is no
/// '='.
Setting ParseOverride(const std::string& text);

/// Applies settings to a configuration. It does not check combinations.
void ApplySettings(const std::vector<Setting>& settings, int layer, LoadedConfig* loaded,
                   Problems* problems);

}  // namespace hearth

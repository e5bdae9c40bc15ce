#pragma once

#include <string>
#include <vector>

#include "launch/config/load.h"
#include "launch/config/yaml_reader.h"

namespace hearth {

/// Applies the text of one file, named "test.yaml", to the defaults. Throws like LoadConfig.
inline LoadedConfig LoadText(const std::string& text) {
  LoadedConfig loaded;
  Problems problems;
  ApplySettings(ParseConfigText(text, "test.yaml", "/folder"), 1, &loaded, &problems);
  problems.ThrowIfAny();
  return loaded;
}

/// Returns the message of the ConfigError that refuses `text`, or "(accepted)".
inline std::string RefusalOf(const std::string& text) {
  try {
    LoadText(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "(accepted)";
}

/// Returns the same for overrides.
inline std::string RefusalOfOverrides(const std::vector<std::string>& overrides) {
  try {
    LoadConfig({.overrides = overrides});
  } catch (const Error& error) {
    return error.what();
  }
  return "(accepted)";
}

}  // namespace hearth

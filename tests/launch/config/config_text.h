#pragma once

#include <string>
#include <vector>

#include "launch/config/load.h"
#include "launch/config/yaml_reader.h"

namespace hearth {

/// Applies the text of one file, named "test.yaml", to the defaults. Throws as LoadConfig does.
inline LoadedConfig LoadText(const std::string& text) {
  LoadedConfig loaded;
  Problems problems;
  ApplySettings(ParseConfigText(text, "test.yaml", "/folder"), 1, &loaded, &problems);
  problems.ThrowIfAny();
  return loaded;
}

/// The message of the ConfigError that `text` is refused with, or "(accepted)".
inline std::string RefusalOf(const std::string& text) {
  try {
    LoadText(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "(accepted)";
}

/// The same for overrides.
inline std::string RefusalOfOverrides(const std::vector<std::string>& overrides) {
  try {
    LoadConfig({{}, overrides});
  } catch (const Error& error) {
    return error.what();
  }
  return "(accepted)";
}

}  // namespace hearth

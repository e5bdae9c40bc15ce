#pragma once

#include <string>

#include <CLI/App.hpp>

#include "launch/command/options.h"
#include "launch/config/preset.h"

namespace hearth {

/// Adds `-c FILE` (several times) and `key=value` arguments.
inline void AddConfigArguments(CLI::App* app, ConfigRequest* request) {
  app->add_option("-c,--config", request->files,
                  "configuration file; may be given several times, later files win")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app->add_option("settings", request->overrides,
                  "settings that win over files, such as meta.inner_steps=5")
      ->type_name("KEY=VALUE");
}

/// Adds `--preset NAME`.
inline void AddPresetOption(CLI::App* app, std::string* preset) {
  AddName(
      app, "--preset", preset, PresetNames(),
      "tuned settings below files and overrides; auto: as the data tell, where neither a file nor "
      "a setting of the learner is given");
}

}  // namespace hearth

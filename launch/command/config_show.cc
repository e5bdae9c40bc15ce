#include <cstdio>
#include <memory>

#include "launch/command/commands.h"
#include "launch/command/config_arguments.h"
#include "launch/config/show.h"

namespace hearth {

void AddConfigShow(CLI::App* parent, Invocation* invocation) {
  struct Options {
    ConfigRequest request;
    std::string preset = "auto";
    bool minimal = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* app = parent->add_subcommand(
      "show", "print the configuration that a run would get, as YAML that can be read back");
  AddConfigArguments(app, &options->request);
  AddPresetOption(app, &options->preset);
  app->add_flag("--minimal", options->minimal, "only keys that differ from their default");
  OnChosen(app, invocation, [options](Job&) {
    const LoadedConfig loaded = LoadTrainingConfig(options->request, options->preset);
    std::fputs(ShowConfig(loaded.config, options->minimal).c_str(), stdout);
    return 0;
  });
}

}  // namespace hearth

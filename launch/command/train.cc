#include <memory>

#include <spdlog/spdlog.h>

#include "launch/command/commands.h"
#include "launch/command/config_arguments.h"
#include "launch/command/options.h"
#include "launch/command/train_run.h"

namespace hearth {
namespace {

void Announce(const PresetChoice& preset) {
  if (preset.name != "none") {
    spdlog::info("preset {}; `hearth config show --preset {}` prints its keys", preset.name,
                 preset.name);
  } else if (!preset.suggested.empty()) {
    spdlog::info(
        "settings are given, so there is no preset; --preset {} lays the tuned ones below them",
        preset.suggested);
  }
}

}  // namespace

void AddTrain(CLI::App* parent, Invocation* invocation) {
  struct Options {
    ConfigRequest request;
    std::string preset = "auto", progress = "auto";
    bool dry_run = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* app = parent->add_subcommand("train", "meta-train a base model; alone or under mpirun");
  AddConfigArguments(app, &options->request);
  AddPresetOption(app, &options->preset);
  AddName(app, "--progress", &options->progress, {"auto", "plain", "bar", "off"},
          "auto: a bar on a terminal without mpirun, otherwise a line every log.every");
  app->add_flag("--dry-run", options->dry_run,
                "check configuration and data and estimate memory, without training");
  OnChosen(
      app, invocation,
      [options, invocation](Job& job) {
        PresetChoice preset;
        const CheckedConfig config(
            LoadTrainingConfig(options->request, options->preset, &preset).config);
        if (job.is_root()) Announce(preset);
        if (options->dry_run) return DryRun(config, job);
        return TrainRun(config, *invocation, options->progress, job);
      },
      /*on_all_ranks=*/true);
}

}  // namespace hearth

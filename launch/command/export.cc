#include <cstdio>
#include <memory>

#include "launch/command/base_model.h"
#include "launch/command/commands.h"
#include "launch/command/options.h"
#include "launch/report/model_card.h"

namespace hearth {
namespace {

struct Options {
  BaseModelRequest model;
  std::string output;
};

int Run(const Options& options, Job& job) {
  const TrainedModel model = FindTrainedModel(options.model, job);
  job.StartTogether();
  if (model.folder) {
    if (job.is_root()) CopyModelFolder(*model.folder, options.output);
  } else {
    const auto communicator = job.MakeCommunicator({.deadline_sec = model.config.dist.timeout_sec});
    WriteModelFolder(
        {*model.checkpoint, *model.learner, ModelSettings(model.config),
         ModelCard(model.config, *model.learner->schema(), model.checkpoint->manifest())},
        options.output, *communicator);
  }
  if (job.is_root()) {
    std::printf("%s exported to %s\n", model.path().c_str(), options.output.c_str());
  }
  return 0;
}

}  // namespace

void AddExport(CLI::App* parent, Invocation* invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent->add_subcommand(
      "export", "write a base model as a folder that needs nothing else: safetensors and JSON");
  AddBaseModelOptions(app, &options->model);
  AddText(app, "--output", &options->output, "folder to write; must be new or empty")->required();
  OnChosen(
      app, invocation, [options](Job& job) { return Run(*options, job); }, /*on_all_ranks=*/true);
}

}  // namespace hearth

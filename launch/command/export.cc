#include <cstdio>
#include <memory>

#include "launch/command/base_model.h"
#include "launch/command/commands.h"
#include "launch/command/options.h"
#include "launch/config/show.h"
#include "trainer/state/export_model.h"

namespace hearth {
namespace {

struct Options {
  BaseModelRequest model;
  std::string output;
};

int Run(const Options& options, Job& job) {
  const TrainedModel model = FindTrainedModel(options.model, job);
  job.StartTogether();
  const auto communicator = job.MakeCommunicator({.deadline_sec = model.config.dist.timeout_sec});
  ExportModel({model.checkpoint, model.learner(), ShowConfig(model.config, /*minimal=*/false)},
              options.output, *communicator);
  if (job.is_root()) {
    std::printf("%s exported to %s\n", model.checkpoint.path().c_str(), options.output.c_str());
  }
  return 0;
}

}  // namespace

void AddExport(CLI::App* parent, Invocation* invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent->add_subcommand(
      "export", "write a base model as safetensors and JSON for other programs");
  AddBaseModelOptions(app, &options->model);
  AddText(app, "--output", &options->output, "folder to write; must be new or empty")->required();
  OnChosen(
      app, invocation, [options](Job& job) { return Run(*options, job); }, /*on_all_ranks=*/true);
}

}  // namespace hearth

#include <cstdio>
#include <memory>

#include <ATen/Parallel.h>

#include "launch/command/base_model.h"
#include "launch/command/commands.h"
#include "launch/command/options.h"
#include "launch/command/private_files.h"
#include "launch/command/run_communicator.h"
#include "trainer/serve/adapt_users.h"
#include "trainer/serve/adapted_users.h"

namespace hearth {
namespace {

struct Options {
  BaseModelRequest model;
  std::string support, output;
};

int Run(const Options& options, Job& job) {
  KeepFilesPrivate();
  BaseModel base = OpenBaseModel(options.model, job);
  at::set_num_threads(1);  // as in training: values must not depend on the number of cores
  const std::vector<SupportSet> users =
      ReadSupportFile(options.support, *base.learner->schema(), *base.data);
  job.StartTogether();
  const ChosenCommunicator chosen =
      MakeRunCommunicator(job, base.config.dist, base.parameters.dense.device());
  std::vector<TaskState> states =
      AdaptUsers(*base.learner, base.parameters, *base.data, users,
                 {.adapt = true,
                  .negatives = base.config.tasks.negatives,
                  .negative_sampling = base.config.tasks.negative_sampling,
                  .seed = static_cast<uint64_t>(base.config.run.seed)},
                 *chosen.communicator);
  if (!job.is_root()) return 0;
  SaveAdaptedUsers(options.output, *base.data,
                   {base.path(), base.Hash(), users, std::move(states)});
  std::printf("%zu users adapted to %s, written to %s\n", users.size(), base.path().c_str(),
              options.output.c_str());
  return 0;
}

}  // namespace

void AddAdapt(CLI::App* parent, Invocation* invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* app =
      parent->add_subcommand("adapt", "adapt a base model to new users and save the result");
  AddBaseModelOptions(app, &options->model);
  AddText(app, "--support", &options->support,
          "TSV or CSV file of their interactions: item, and optionally user, label")
      ->required();
  AddText(app, "--output", &options->output, "folder to write; must be new or empty")->required();
  OnChosen(
      app, invocation, [options](Job& job) { return Run(*options, job); }, /*on_all_ranks=*/true);
}

}  // namespace hearth

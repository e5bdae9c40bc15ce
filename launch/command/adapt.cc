#include <cstdio>
#include <memory>

#include "launch/command/base_model.h"
#include "launch/command/commands.h"
#include "launch/command/options.h"
#include "trainer/recommend/adapted_users.h"

namespace hearth {
namespace {

struct Options {
  BaseModelRequest model;
  std::string support, output;
};

int Run(const Options& options, int local_rank) {
  const BaseModel base = OpenBaseModel(options.model, local_rank);
  AdaptedUsers users{
      base.checkpoint.path(), base.Hash(), ReadSupportFile(options.support, *base.dataset), {}};
  const int64_t negatives =
      base.config.meta.loss == MetaOptions::Loss::kBpr ? base.config.tasks.negatives : 0;
  for (const SupportSet& user : users.users) {
    users.adapted.push_back(base.learner->Adapt(
        base.parameters, ChunkOf(user, negatives, base.dataset->event_entities().size(),
                                 static_cast<uint64_t>(base.config.run.seed))));
  }
  SaveAdaptedUsers(options.output, *base.learner, *base.dataset, users);
  std::printf("%zu users adapted to %s, written to %s\n", users.users.size(),
              base.checkpoint.path().c_str(), options.output.c_str());
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
  OnChosen(app, invocation, [options](Job& job) { return Run(*options, job.local_rank()); });
}

}  // namespace hearth

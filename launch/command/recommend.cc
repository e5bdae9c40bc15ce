#include <cstdio>
#include <memory>

#include <ATen/Parallel.h>

#include "common/error.h"
#include "launch/command/base_model.h"
#include "launch/command/commands.h"
#include "launch/command/options.h"
#include "launch/command/run_communicator.h"
#include "launch/report/recommendation_report.h"
#include "storage/file/durable_file.h"
#include "trainer/serve/adapt_users.h"
#include "trainer/serve/adapted_users.h"
#include "trainer/serve/recommendation.h"

namespace hearth {
namespace {

struct Options {
  BaseModelRequest model;
  std::string support, users, adapted, format = "tsv", output;
  int64_t top_k = 10;
  bool exclude_seen = false, no_adapt = false;
};

/// The users asked for, those of --adapted with their adapted parameters.
AdaptedUsers ReadUsers(const Options& options, const BaseModel& base) {
  if (!options.adapted.empty()) {
    return LoadAdaptedUsers(options.adapted, *base.learner, *base.data, base.parameters,
                            base.Hash());
  }
  AdaptedUsers users;
  users.users = options.support.empty()
                    ? ReadUsersFile(options.users, base.RequireDataset())
                    : ReadSupportFile(options.support, *base.learner->schema(), *base.data);
  return users;
}

/// The users with their recommendations, one text for all. Collective: all ranks must call.
std::string Answers(const Options& options, BaseModel& base, AdaptedUsers users,
                    Communicator& communicator) {
  if (options.adapted.empty()) {
    users.states = AdaptUsers(*base.learner, base.parameters, *base.data, users.users,
                              {.adapt = !options.no_adapt,
                               .negatives = base.config.tasks.negatives,
                               .negative_sampling = base.config.tasks.negative_sampling,
                               .seed = static_cast<uint64_t>(base.config.run.seed)},
                              communicator);
  }
  const auto lists =
      Recommend(*base.learner, base.parameters, *base.data, users.users, users.states,
                {.top_k = options.top_k, .exclude_seen = options.exclude_seen}, communicator);
  const EntityTable& items = base.data->items().entities();
  const bool tsv = options.format == "tsv";
  std::string text = tsv ? RecommendationTsvHeader() : "";
  for (size_t u = 0; u < lists.size(); ++u) {
    const std::string& user = users.users[u].user;
    text +=
        tsv ? RecommendationTsv(user, lists[u], items) : RecommendationJson(user, lists[u], items);
  }
  return text;
}

int Run(const Options& options, Job& job) {
  const int sources = !options.support.empty() + !options.users.empty() + !options.adapted.empty();
  if (sources != 1) throw UsageError("give exactly one of --support, --users and --adapted");
  BaseModel base = OpenBaseModel(options.model, job);
  at::set_num_threads(1);  // as in training: values must not depend on the number of cores
  AdaptedUsers users = ReadUsers(options, base);
  job.StartTogether();
  const ChosenCommunicator chosen =
      MakeRunCommunicator(job, base.config.dist, base.parameters.dense.device());
  const std::string text = Answers(options, base, std::move(users), *chosen.communicator);
  if (!job.is_root()) return 0;
  if (options.output.empty()) {
    std::fputs(text.c_str(), stdout);
  } else {
    WriteFileDurably(options.output, text, kSharedFile);
  }
  return 0;
}

}  // namespace

void AddRecommend(CLI::App* parent, Invocation* invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* app =
      parent->add_subcommand("recommend", "top-k of the whole catalogue for new or known users");
  AddBaseModelOptions(app, &options->model);
  AddText(app, "--support", &options->support,
          "TSV or CSV file of new users' interactions: item, and optionally user, label");
  AddText(app, "--users", &options->users, "file of users of the data set, one id a line");
  AddText(app, "--adapted", &options->adapted, "folder written by 'hearth adapt'");
  AddInt(app, "--top-k", &options->top_k, AtLeast(1), "items per user");
  app->add_flag("--exclude-seen", options->exclude_seen, "leave out items of the support set");
  app->add_flag("--no-adapt", options->no_adapt, "the base model as it is");
  AddName(app, "--format", &options->format, {"tsv", "jsonl"}, "of the output");
  AddText(app, "--output", &options->output, "write to this file instead of stdout");
  OnChosen(
      app, invocation, [options](Job& job) { return Run(*options, job); }, /*on_all_ranks=*/true);
}

}  // namespace hearth

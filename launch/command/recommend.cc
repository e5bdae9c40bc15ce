#include <cstdio>
#include <memory>

#include "common/error.h"
#include "launch/command/base_model.h"
#include "launch/command/commands.h"
#include "launch/command/options.h"
#include "launch/report/recommendation_report.h"
#include "storage/file/durable_file.h"
#include "trainer/recommend/adapted_users.h"
#include "trainer/recommend/recommendation.h"

namespace hearth {
namespace {

struct Options {
  BaseModelRequest model;
  std::string support, users, adapted, format = "tsv", output;
  RecommendOptions recommend;
  bool exclude_seen = false, no_adapt = false;
};

/// The users asked for with their recommendations, one text for all.
std::string Answers(const Options& options, const BaseModel& base) {
  const bool tsv = options.format == "tsv";
  std::string text = tsv ? RecommendationTsvHeader() : "";
  const auto add = [&](const std::string& user, const std::vector<Recommendation>& items) {
    text += tsv ? RecommendationTsv(user, items, *base.dataset)
                : RecommendationJson(user, items, *base.dataset);
  };
  if (!options.adapted.empty()) {
    const AdaptedUsers users = LoadAdaptedUsers(options.adapted, *base.learner, *base.dataset,
                                                base.parameters, base.Hash());
    for (size_t i = 0; i < users.users.size(); ++i) {
      const SupportSet& user = users.users[i];
      const std::vector<int64_t> seen = options.exclude_seen ? user.items : std::vector<int64_t>();
      add(user.user, RecommendAdapted(*base.learner, base.parameters, users.adapted[i], user.owner,
                                      seen, options.recommend.top_k));
    }
    return text;
  }
  RecommendOptions recommend = options.recommend;
  recommend.exclude_seen = options.exclude_seen;
  recommend.adapt = !options.no_adapt;
  recommend.negatives = base.config.tasks.negatives;
  recommend.seed = static_cast<uint64_t>(base.config.run.seed);
  const std::vector<SupportSet> users = options.support.empty()
                                            ? ReadUsersFile(options.users, *base.dataset)
                                            : ReadSupportFile(options.support, *base.dataset);
  for (const SupportSet& user : users) {
    add(user.user, Recommend(*base.learner, base.parameters, user, recommend));
  }
  return text;
}

int Run(const Options& options, int local_rank) {
  const int sources = !options.support.empty() + !options.users.empty() + !options.adapted.empty();
  if (sources != 1) throw UsageError("give exactly one of --support, --users and --adapted");
  const std::string text = Answers(options, OpenBaseModel(options.model, local_rank));
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
  AddInt(app, "--top-k", &options->recommend.top_k, AtLeast(1), "items per user");
  app->add_flag("--exclude-seen", options->exclude_seen, "leave out items of the support set");
  app->add_flag("--no-adapt", options->no_adapt, "the base model as it is");
  AddName(app, "--format", &options->format, {"tsv", "jsonl"}, "of the output");
  AddText(app, "--output", &options->output, "write to this file instead of stdout");
  OnChosen(app, invocation, [options](Job& job) { return Run(*options, job.local_rank()); });
}

}  // namespace hearth

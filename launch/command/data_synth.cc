#include <cstdio>
#include <memory>

#include "launch/command/commands.h"
#include "launch/command/options.h"
#include "launch/command/split_options.h"
#include "launch/report/convert_report_text.h"
#include "storage/import/synth.h"

namespace hearth {
namespace {

void AddSimulator(CLI::App* app, SynthOptions* synth) {
  const char* group = "Simulator";
  const auto share = [&](const char* flag, double* value, const char* help) {
    AddFloat(app, flag, value, Between(0, 1), help)->group(group);
  };
  AddInt(app, "--users", &synth->users, Between(10, 1e8), "users")->group(group);
  AddInt(app, "--items", &synth->items, Between(20, 1e7), "items")->group(group);
  AddFloat(app, "--events-per-user", &synth->events_per_user, AtLeast(2),
           "mean length of a history")
      ->group(group);
  AddInt(app, "--seed", &synth->seed, "seed of the simulation")->group(group);
  AddInt(app, "--latent-size", &synth->latent_size, Between(1, 256), "dimensions of tastes")
      ->group(group);
  share("--bias-share", &synth->bias_share, "share of the label's variance: user bias");
  share("--quality-share", &synth->quality_share, "share of the label's variance: item quality");
  share("--taste-share", &synth->taste_share,
        "share of the label's variance: taste; the rest up to 1 is noise");
  share("--user-feature-share", &synth->user_feature_share, "how far features explain users");
  share("--item-feature-share", &synth->item_feature_share, "how far features explain items");
  AddFloat(app, "--zipf-exponent", &synth->zipf_exponent, AtLeast(0), "steepness of popularity")
      ->group(group);
  app->add_flag("--real-labels", synth->real_labels, "labels are neither rounded nor clipped")
      ->group(group);
}

}  // namespace

void AddDataSynth(CLI::App* parent, Invocation* invocation) {
  auto options = std::make_shared<SynthOptions>();
  CLI::App* app = parent->add_subcommand(
      "synth", "simulate a log with a known truth, so that the best reachable error is known too");
  AddText(app, "--output", &options->output, "folder to write; must be new or empty")->required();
  app->add_flag("--overwrite", options->overwrite, "replace a data set in the output folder");
  AddInt(app, "--tasks-per-shard", &options->tasks_per_shard, Between(1, 1e6), "tasks per shard");
  AddSimulator(app, options.get());
  AddSplitOptions(app, &options->split);
  OnChosen(app, invocation, [options](Job&) {
    const ConvertReport report = Synthesize(*options);
    std::fputs(TextOf(report, options->output).c_str(), stdout);
    return 0;
  });
}

}  // namespace hearth

#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/text.h"
#include "launch/command/commands.h"
#include "launch/command/run_argument.h"
#include "storage/checkpoint/folder.h"

namespace hearth {
namespace {

std::string TextOf(const std::vector<CheckpointInfo>& checkpoints) {
  std::string text = fmt::format("{:>10} {:>7} {:>18} {:>10} {:>10}  {}\n", "step", "epoch",
                                 "metric", "size", "base step", "path");
  for (const CheckpointInfo& info : checkpoints) {
    const std::string metric =
        info.metric ? fmt::format("{} {:.5f}", info.metric->name, info.metric->value) : "-";
    const std::string base = info.base_step ? std::to_string(*info.base_step) : "-";
    text += fmt::format("{:>10} {:>7} {:>18} {:>10} {:>10}  {}", info.step, info.epoch, metric,
                        FormatBytes(info.size_bytes), base, info.path);
    if (!info.problem.empty()) text += "  DAMAGED: " + info.problem;
    text += "\n";
  }
  return text;
}

nlohmann::ordered_json JsonOf(const std::vector<CheckpointInfo>& checkpoints) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const CheckpointInfo& info : checkpoints) {
    nlohmann::ordered_json entry = {{"step", info.step},
                                    {"epoch", info.epoch},
                                    {"path", info.path},
                                    {"size_bytes", info.size_bytes},
                                    {"problem", info.problem}};
    if (info.base_step) entry["base_step"] = *info.base_step;
    if (info.metric) entry["metric"] = {{"name", info.metric->name}, {"value", info.metric->value}};
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace

void AddCkptList(CLI::App* parent, Invocation* invocation) {
  struct Options {
    std::string run;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* app = parent->add_subcommand("list", "list the committed checkpoints of a run");
  AddRunArgument(app, &options->run);
  app->add_flag("--json", options->json, "as JSON");
  OnChosen(app, invocation, [options](Job&) {
    RequireRunFolder(options->run);
    const std::vector<CheckpointInfo> checkpoints = ListCheckpoints(options->run);
    const std::string text =
        options->json ? JsonOf(checkpoints).dump(2) + "\n" : TextOf(checkpoints);
    std::fputs(text.c_str(), stdout);
    return 0;
  });
}

}  // namespace hearth

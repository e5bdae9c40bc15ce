#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "launch/command/commands.h"
#include "launch/report/dataset_report.h"
#include "storage/shard/describe.h"

namespace hearth {

void AddDataDescribe(CLI::App* parent, Invocation* invocation) {
  struct Options {
    std::string folder;
    bool json = false, markdown = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* app = parent->add_subcommand(
      "describe", "print statistics: sizes, labels, cold-start counts, episodes that can be drawn");
  app->add_option("folder", options->folder, "data set")->required()->type_name("DIR");
  CLI::Option* json = app->add_flag("--json", options->json, "as JSON");
  app->add_flag("--markdown", options->markdown, "as Markdown")->excludes(json);
  OnChosen(app, invocation, [options](Job&) {
    const DatasetSummary summary = DescribeDataset(Dataset({.path = options->folder}));
    std::string text;
    if (options->json) {
      text = ToJson(summary).dump(2) + "\n";
    } else if (options->markdown) {
      text = ToMarkdown(summary);
    } else {
      text = ToText(summary);
    }
    std::fputs(text.c_str(), stdout);
    return 0;
  });
}

}  // namespace hearth

#include <cstdio>
#include <memory>

#include "launch/command/commands.h"
#include "launch/command/options.h"
#include "launch/command/split_options.h"
#include "launch/report/convert_report_text.h"
#include "storage/import/split.h"

namespace hearth {

void AddDataSplit(CLI::App* parent, Invocation* invocation) {
  struct Options {
    std::string input, output;
    bool overwrite = false;
    SplitOptions split;
  };
  auto options = std::make_shared<Options>();
  CLI::App* app = parent->add_subcommand("split", "divide the events of a data set into new parts");
  AddText(app, "--input", &options->input, "data set")->required();
  AddText(app, "--output", &options->output, "folder to write; must be new or empty")->required();
  app->add_flag("--overwrite", options->overwrite, "replace a data set in the output folder");
  AddSplitOptions(app, &options->split);
  OnChosen(app, invocation, [options](Job&) {
    const ConvertReport report =
        SplitDataset(options->input, options->output, options->split, options->overwrite);
    std::fputs(TextOf(report, options->output).c_str(), stdout);
    return 0;
  });
}

}  // namespace hearth

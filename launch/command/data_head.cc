#include <cstdio>
#include <memory>

#include "launch/command/commands.h"
#include "launch/command/options.h"
#include "launch/report/dataset_head.h"

namespace hearth {

void AddDataHead(CLI::App* parent, Invocation* invocation) {
  struct Options {
    std::string folder, part = "train";
    int64_t tasks = 3, events = 10;
  };
  auto options = std::make_shared<Options>();
  CLI::App* app =
      parent->add_subcommand("head", "show the first tasks, with original ids and titles");
  app->add_option("folder", options->folder, "data set")->required()->type_name("DIR");
  AddText(app, "--part", &options->part, "part of the data set: train, or one like test/user_cold");
  AddInt(app, "-n,--tasks", &options->tasks, AtLeast(1), "tasks shown");
  AddInt(app, "--events", &options->events, AtLeast(1), "events shown per task");
  OnChosen(app, invocation, [options](Job&) {
    const Dataset dataset({.path = options->folder});
    const Part part = ParsePart(options->part);
    std::fputs(HeadText(dataset, part, options->tasks, options->events).c_str(), stdout);
    return 0;
  });
}

}  // namespace hearth

#include <cstdio>
#include <memory>

#include "common/error.h"
#include "launch/command/commands.h"
#include "launch/command/options.h"
#include "launch/report/validation_report.h"
#include "storage/shard/validate.h"

namespace hearth {

void AddDataValidate(CLI::App* parent, Invocation* invocation) {
  struct Options {
    std::string folder;
    ValidateOptions validate;
  };
  auto options = std::make_shared<Options>();
  CLI::App* app = parent->add_subcommand(
      "validate",
      "check every byte: hashes, structure, ids, labels, times, leaks; exit code 65 when bad");
  app->add_option("folder", options->folder, "data set")->required()->type_name("DIR");
  AddInt(app, "--lines", &options->validate.lines_per_check, AtLeast(1),
         "findings shown per kind of check");
  OnChosen(app, invocation, [options](Job&) {
    const ValidationReport report = ValidateDataset(options->folder, options->validate);
    std::fputs(ToText(report).c_str(), stdout);
    return report.ok() ? 0 : static_cast<int>(ExitCode::kData);
  });
}

}  // namespace hearth

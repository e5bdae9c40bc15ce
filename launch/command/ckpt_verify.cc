#include <cstdio>
#include <memory>

#include "common/error.h"
#include "launch/command/commands.h"
#include "launch/command/run_argument.h"
#include "storage/checkpoint/folder.h"
#include "storage/checkpoint/reader.h"

namespace hearth {

void AddCkptVerify(CLI::App* parent, Invocation* invocation) {
  auto run = std::make_shared<std::string>();
  CLI::App* app = parent->add_subcommand(
      "verify", "hash every file of every checkpoint; exit code 65 when one is bad");
  AddRunArgument(app, run.get());
  OnChosen(app, invocation, [run](Job&) {
    RequireRunFolder(*run);
    const std::vector<int64_t> steps = ListSteps(*run);
    if (steps.empty()) throw DataError("{}: no checkpoint in this run folder", *run);
    int bad_count = 0;
    for (const int64_t step : steps) {
      const std::string path = CheckpointPath(*run, step);
      try {
        VerifyCheckpoint(path);
        std::printf("%s: ok\n", path.c_str());
      } catch (const DataError& error) {
        std::printf("%s: BAD: %s\n", path.c_str(), error.what());
        ++bad_count;
      }
    }
    return bad_count == 0 ? 0 : static_cast<int>(ExitCode::kData);
  });
}

}  // namespace hearth

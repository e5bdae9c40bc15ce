#include <cstdio>
#include <memory>

#include "launch/command/commands.h"
#include "launch/command/options.h"
#include "launch/command/run_argument.h"
#include "storage/checkpoint/reader.h"
#include "trainer/state/model_arrays.h"

namespace hearth {

void AddCkptHash(CLI::App* parent, Invocation* invocation) {
  struct Options {
    std::string run, step = "last";
  };
  auto options = std::make_shared<Options>();
  CLI::App* app = parent->add_subcommand(
      "hash", "print the SHA-256 of the parameters and tables of a committed step");
  AddRunArgument(app, &options->run);
  AddText(app, "--step", &options->step, "last, best, or a step number");
  OnChosen(app, invocation, [options](Job&) {
    const CheckpointReader checkpoint(FindCheckpoint(options->run, options->step));
    std::printf("%s\n", ContentHash(checkpoint, ModelArrayNames(checkpoint)).c_str());
    return 0;
  });
}

}  // namespace hearth

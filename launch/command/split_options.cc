#include "launch/command/split_options.h"

#include "launch/command/options.h"

namespace hearth {

void AddSplitOptions(CLI::App* app, SplitOptions* split) {
  const Range fraction = HalfOpen(0, 1);
  const std::string group = "Split";
  const auto add = [&](const char* flag, double* value, const char* help) {
    AddFloat(app, flag, value, fraction, help)->group(group);
  };
  AddParsed(app, "--split", &split->kind, ParseSplitKind, NameOf,
            "how events are divided: auto (given if the data brings a split, else random), random, "
            "time, none, given")
      ->group(group);
  AddInt(app, "--split-seed", &split->seed, "seed of a random split")->group(group);
  add("--validation-users", &split->validation_users, "share of users that are new in validation");
  add("--test-users", &split->test_users, "share of users that are new in test");
  add("--validation-items", &split->validation_items, "share of items that are new in validation");
  add("--test-items", &split->test_items, "share of items that are new in test");
  add("--validation-events", &split->validation_events,
      "share of a training user's events held out for validation");
  add("--test-events", &split->test_events, "share of a training user's events held out for test");
  add("--validation-fraction", &split->validation_fraction,
      "given splits without validation: share of training users that becomes validation");
}

}  // namespace hearth

#pragma once

#include <cstdint>
#include <string>

#include "storage/shard/dataset.h"
#include "trainer/loop/options.h"

namespace hearth {

/// Config section `run`: the folder, the name and the seed of a run.
struct RunOptions {
  std::string dir;   ///< the run folder; a run makes it if it is missing
  std::string name;  ///< the display name; empty: the folder name of dir
  int64_t seed = 1;  ///< the seed of every random draw, >= 0
};

/// Config section `log`: how often a run reports its progress.
struct ReportOptions {
  double every_sec = 5;              ///< seconds between two progress lines
  int64_t metrics_every_steps = 10;  ///< outer steps between two training lines of metrics.jsonl
};

/// A whole configuration. Each member belongs to one component, and the component's room declares
/// its struct. launch/config/keys.cc names every field once; no code below launch/ knows the names.
struct Config : TrainingSections {
  RunOptions run;
  DatasetOptions data;
  ReportOptions log;
};

}  // namespace hearth

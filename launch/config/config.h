#pragma once

#include <cstdint>
#include <string>

#include "sampler/task_options.h"
#include "storage/shard/dataset.h"
#include "trainer/loop/options.h"
#include "trainer/table/table_options.h"

namespace hearth {

/// The run itself. Config section `run`.
struct RunOptions {
  std::string dir;   ///< run folder; made if needed
  std::string name;  ///< display name; empty: the last part of dir
  int64_t seed = 1;  ///< of every random draw, >= 0
};

/// What a run tells while it runs. Config section `log`.
struct ReportOptions {
  double every_sec = 5;              ///< between progress lines
  int64_t metrics_every_steps = 10;  ///< outer steps between training lines of metrics.jsonl
};

/// A whole configuration: one options struct per component, each declared by its room.
/// launch/config/keys.cc names every field once; nothing below launch/ knows those names.
struct Config {
  RunOptions run;
  DatasetOptions data;
  TaskOptions tasks;
  ModelOptions model;
  TableOptions tables;
  MetaOptions meta;
  GradientDescentOptions descent;
  OptimizerOptions optim;
  TrainOptions train;
  EvalOptions eval;
  CheckpointOptions checkpoint;
  DistOptions dist;
  ReportOptions log;

  LearnerOptions learner() const { return {model, meta, descent}; }
};

}  // namespace hearth

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "sampler/task_options.h"
#include "trainer/adapt/meta_options.h"
#include "trainer/evaluate/eval_options.h"
#include "trainer/loop/options.h"
#include "trainer/model/model_options.h"
#include "trainer/optimize/optimizer_options.h"
#include "trainer/table/table_options.h"

namespace hearth {

/// All options of a training run.
struct TrainerOptions {
  std::string run_dir;       ///< must exist; checkpoints go to RUN/checkpoints
  std::string config_hash;   ///< recorded in checkpoints
  std::string tool_version;  ///< recorded in checkpoints
  uint64_t seed = 1;
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
  int64_t balance_every_steps = 10;  ///< outer steps between BalanceReports, >= 1
  /// Most bytes of state that this rank copies in order to save beside training (MostCopyBytes).
  int64_t checkpoint_copy_bytes = int64_t{1} << 30;
  int64_t checkpoint_delta_from_bytes = int64_t{64} << 20;  ///< CheckpointSaver::Options
  /// The number of this job among all jobs that ever held run_dir. Unfinished checkpoints carry it.
  int64_t start_number = 0;
  /// Called on rank 0 right before a checkpoint becomes visible; throws when another job has taken
  /// run_dir over. It is empty when no other job can do so.
  std::function<void()> require_run_dir;

  LearnerOptions learner() const { return {model, meta, descent}; }
};

}  // namespace hearth

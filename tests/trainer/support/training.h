#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "cluster/communicator.h"
#include "cluster/self_communicator.h"
#include "cluster/thread_communicator.h"
#include "storage/checkpoint/folder.h"
#include "storage/checkpoint/reader.h"
#include "storage/import/synth.h"
#include "storage/shard/dataset.h"
#include "trainer/loop/trainer.h"
#include "trainer/state/model_arrays.h"
#include "trainer/state/run_state.h"

namespace hearth {

/// A folder of this process alone, removed at its end: several processes may run tests at once.
class ScratchFolder {
 public:
  static const std::string& Path() {
    static const ScratchFolder folder;
    return folder.path_;
  }

 private:
  ScratchFolder()
      : owner_(::getpid()),
        path_(::testing::TempDir() + "/hearth-trainer-" + std::to_string(owner_)) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (::getpid() == owner_) std::filesystem::remove_all(path_, ignored);  // not in a forked child
  }

  pid_t owner_;
  std::string path_;
};

/// Makes an empty folder for this test.
inline std::string FreshFolder(const std::string& name) {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string scope = "shared";
  if (test != nullptr) scope = std::string(test->test_suite_name()) + "." + test->name();
  const std::string path = ScratchFolder::Path() + "/" + scope + "-" + name;
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

/// Simulates a data set with shards of 40 tasks.
inline void SimulateDataset(const std::string& folder, int64_t users, int64_t items,
                            double events_per_user) {
  SynthOptions options;
  options.output = folder;
  options.overwrite = true;
  options.users = users;
  options.items = items;
  options.events_per_user = events_per_user;
  options.tasks_per_shard = 40;
  Synthesize(options);
}

/// Simulates a small data set with three training shards.
inline void SimulateSmallDataset(const std::string& folder) {
  SimulateDataset(folder, 120, 60, 14);
}

/// Simulates a data set with more items than there are buckets, so buckets of a table of little
/// capacity overflow.
inline void SimulateManyItems(const std::string& folder) { SimulateDataset(folder, 240, 5000, 30); }

/// The folder of SimulateSmallDataset, made once per process. Tests do not change it.
inline const std::string& SmallDataset() {
  static const std::string folder = [] {
    std::string path = ScratchFolder::Path() + "/small-data";
    SimulateSmallDataset(path);
    return path;
  }();
  return folder;
}

/// The folder of SimulateManyItems, made once per process. Tests do not change it.
inline const std::string& DatasetOfManyItems() {
  static const std::string folder = [] {
    std::string path = ScratchFolder::Path() + "/many-items-data";
    SimulateManyItems(path);
    return path;
  }();
  return folder;
}

/// Options of a run with steps of a few milliseconds: a step has 16 tasks in 4 chunks.
inline TrainerOptions SmallRun(const std::string& run_dir, int64_t max_steps) {
  TrainerOptions options;
  options.run_dir = run_dir;
  options.seed = 7;
  options.tasks.support = 6;
  options.tasks.query = 4;
  options.tasks.per_step = 16;
  options.tasks.chunk = 4;
  options.model.dim = 4;
  options.model.layers = {8};
  options.descent.inner_steps = 2;
  options.train.max_steps = max_steps;
  options.train.device = TrainOptions::Device::kCpu;
  options.eval.every_steps = 0;
  options.eval.max_tasks = 8;
  options.checkpoint.every_steps = 0;
  return options;
}

/// SmallRun for SimulateManyItems: every item has a table row.
inline TrainerOptions SmallRunOfManyItems(const std::string& run_dir, int64_t max_steps) {
  TrainerOptions options = SmallRun(run_dir, max_steps);
  options.model.min_item_events = 0;
  options.model.id_dropout = 0.25;
  return options;
}

/// Makes the tables dynamic: ids come, wait and go within a few steps.
inline void MakeDynamic(TrainerOptions& options) {
  options.tables = {.capacity = 1024,
                    .admit_after = 2,
                    .evict_after = 20,
                    .new_rows = TableOptions::NewRows::kMean};
}

/// Remembers the reports of a run.
class RecordingObserver : public TrainObserver {
 public:
  void OnEngine(const std::string& chosen, int) override { engine = chosen; }
  void OnResume(const std::string&, int64_t step) override { resumed_from = step; }
  void OnRefusedCheckpoint(const std::string& path, const std::string& reason) override {
    refused.push_back(path + ": " + reason);
  }
  void OnStep(const StepReport& report) override {
    losses.push_back(report.result.loss);
    if (on_step) on_step(report);
  }
  void OnBalance(const BalanceReport& report) override { balances.push_back(report); }
  void OnEvaluation(const ValidationResult& result, bool) override {
    evaluations.push_back(result);
  }
  void OnCheckpoint(const CheckpointReport& report) override { checkpoints.push_back(report.step); }
  void OnFailedSave(int64_t step, const std::string& reason, int64_t, int64_t) override {
    failed_saves.emplace_back(step, reason);
  }
  void OnSkippedStep(int64_t step, const std::string&, int64_t) override {
    skipped_steps.push_back(step);
  }
  void OnRollBack(int64_t step, const std::string&) override { roll_backs.push_back(step); }
  void OnLossSpike(int64_t step, const LossSpike&) override { spikes.push_back(step); }

  std::string engine;
  int64_t resumed_from = -1;
  std::vector<std::string> refused;
  std::vector<double> losses;
  std::vector<BalanceReport> balances;
  std::vector<ValidationResult> evaluations;
  std::vector<int64_t> checkpoints;
  std::vector<std::pair<int64_t, std::string>> failed_saves;
  std::vector<int64_t> skipped_steps, roll_backs, spikes;
  std::function<void(const StepReport&)> on_step;
};

/// Runs one rank of a run to its end.
inline TrainOutcome Train(const TrainerOptions& options, const Dataset& dataset,
                          Communicator& communicator, RecordingObserver& observer,
                          const std::atomic<bool>& stop) {
  Trainer trainer(options, dataset, communicator, observer, stop,
                  TensorOptionsFor(options.train, 0));
  return trainer.Run();
}

inline TrainOutcome Train(const TrainerOptions& options, const Dataset& dataset,
                          Communicator& communicator) {
  RecordingObserver observer;
  const std::atomic<bool> stop = false;
  return Train(options, dataset, communicator, observer, stop);
}

/// The SHA-256 hash of the parameters and tables of a committed step.
inline std::string ModelHash(const std::string& run_dir, int64_t step) {
  const CheckpointReader checkpoint(CheckpointPath(run_dir, step));
  return ContentHash(checkpoint, ModelArrayNames(checkpoint));
}

/// Trains with one rank and returns ModelHash of the last step.
inline std::string TrainAlone(const TrainerOptions& options, const Dataset& dataset) {
  SelfCommunicator self;
  Train(options, dataset, self);
  return ModelHash(options.run_dir, options.train.max_steps);
}

/// Trains with N ranks as threads and returns ModelHash of the last step.
inline std::string TrainOnThreads(int world_size, const TrainerOptions& options,
                                  const Dataset& dataset) {
  RunOnThreads(world_size,
               [&](Communicator& communicator) { Train(options, dataset, communicator); });
  return ModelHash(options.run_dir, options.train.max_steps);
}

}  // namespace hearth

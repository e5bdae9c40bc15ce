#pragma once

#include <string>

#include "cluster/communicator_choice.h"
#include "launch/report/metrics_log.h"
#include "launch/report/progress.h"
#include "trainer/loop/trainer.h"

namespace hearth {

/// Reports the events of a run to people (log and progress) and to programs (metrics.jsonl). Rank 0
/// only.
class TrainReporter : public TrainObserver {
 public:
  struct Options {
    std::string run_folder;
    int64_t metrics_every_steps = 10;
    Progress::Options progress;
  };
  explicit TrainReporter(const Options& options);

  /// Writes the first lines of a start.
  void OnStart(const Dataset& dataset, const std::string& device, const ChosenCommunicator& chosen);
  void OnEnd(TrainOutcome outcome, const TrainState& state, double seconds);

  void OnEngine(const std::string& engine, int thread_count) override;
  void OnResume(const std::string& checkpoint_path, int64_t step) override;
  void OnRefusedCheckpoint(const std::string& path, const std::string& reason) override;
  void OnStep(const StepReport& report) override;
  void OnBalance(const BalanceReport& report) override;
  void OnEvaluation(const ValidationResult& result, bool is_best) override;
  void OnCheckpoint(const CheckpointReport& report) override;
  void OnFailedSave(int64_t step, const std::string& reason, int64_t count, int64_t limit) override;
  void OnSkippedStep(int64_t step, const std::string& reason, int64_t count) override;
  void OnRollBack(int64_t step, const std::string& checkpoint_path) override;
  void OnLossSpike(int64_t step, const LossSpike& spike) override;

 private:
  /// Writes a log line on a line of its own, apart from the progress bar.
  void Say(const std::string& text);
  void Warn(const std::string& text);

  MetricsLog metrics_;
  int64_t metrics_every_steps_;
  Progress progress_;
};

/// Reports nothing. All ranks except rank 0 use it.
class SilentObserver : public TrainObserver {
 public:
  void OnEngine(const std::string&, int) override {}
  void OnResume(const std::string&, int64_t) override {}
  void OnRefusedCheckpoint(const std::string&, const std::string&) override {}
  void OnStep(const StepReport&) override {}
  void OnBalance(const BalanceReport&) override {}
  void OnEvaluation(const ValidationResult&, bool) override {}
  void OnCheckpoint(const CheckpointReport&) override {}
  void OnFailedSave(int64_t, const std::string&, int64_t, int64_t) override {}
  void OnSkippedStep(int64_t, const std::string&, int64_t) override {}
  void OnRollBack(int64_t, const std::string&) override {}
  void OnLossSpike(int64_t, const LossSpike&) override {}
};

}  // namespace hearth

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cluster/counting_communicator.h"
#include "storage/checkpoint/manifest.h"
#include "storage/shard/dataset.h"
#include "trainer/loop/save_schedule.h"
#include "trainer/loop/train_observer.h"
#include "trainer/loop/trainer_options.h"
#include "trainer/state/checkpoint_saver.h"
#include "trainer/state/run_state.h"

namespace hearth {

/// Facts that a checkpoint records beside the state of the run.
struct StepNotes {
  int64_t epoch = 0;
  std::optional<CheckpointMetric> metric;  ///< none: the step was not validated
};

/// Saves and loads the checkpoints of one training run. It loads the one to begin with, saves
/// beside training when a SaveSchedule says so, and loads an earlier one when training has gone
/// wrong. Methods marked collective must be called by all ranks.
class RunCheckpoints {
 public:
  /// References must outlive this object. `state`: read by saves, written by Resume and LoadNewest.
  RunCheckpoints(const TrainerOptions& options, const Dataset& dataset,
                 const ParameterLayout& layout, RunState& state, CountingCommunicator& communicator,
                 TrainObserver& observer);

  /// Loads the checkpoint that checkpoint.resume asks for. False: there is none, and the run is a
  /// new one. Throws ConfigError when it was trained on other data. Collective.
  bool Resume();
  /// Loads the newest valid checkpoint of the run and returns its path; nothing: there is none.
  /// No save may be in flight. Collective.
  std::optional<std::string> LoadNewest();

  /// Asks the other ranks for a save: on rank 0, when an automatic interval is over.
  bool RequestsSave() const;
  /// True while this rank works on the save in flight.
  bool is_busy() const { return saver_.is_busy(); }
  /// True when a save is due now. The answer is the same on every rank for the same `is_requested`.
  bool IsDue(bool is_requested) const;

  /// Begins to save the state, after the end of a save in flight. Collective.
  void Begin(const StepNotes& notes);
  /// Moves a save in flight to its next stage; no rank may be busy. Collective.
  void Advance();
  /// Waits for the end of a save in flight. Collective.
  void Finish();
  /// Saves at the end of a run: the state is on disk when this returns. Collective.
  void SaveLast(const StepNotes& notes);

 private:
  std::string PathToResume() const;
  std::string PathOfNewest() const;
  void Load(const std::string& path);
  CheckpointManifest ManifestOf(const StepNotes& notes) const;
  void OnEnd(const SaveOutcome& outcome);
  void Report(const SaveOutcome& outcome);

  const TrainerOptions& options_;
  std::string data_path_, data_hash_;
  const ParameterLayout& layout_;
  RunState& state_;
  CountingCommunicator& communicator_;
  TrainObserver& observer_;
  SaveSchedule schedule_;
  CheckpointSaver saver_;
  std::string run_id_;
};

}  // namespace hearth

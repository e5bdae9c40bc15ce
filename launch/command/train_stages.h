#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "cluster/communicator_choice.h"
#include "launch/command/job.h"
#include "launch/config/config.h"
#include "storage/run/run_lease.h"
#include "storage/shard/dataset.h"
#include "trainer/loop/trainer_options.h"

namespace hearth {

// These are the stages on the way to a training run. Each stage takes the ones before as arguments,
// so that no other order compiles:
//   CheckedConfig   all keys that training needs are set
//   OpenedData      the data set is open, and its bad shards are known
//   HeldRunFolder   no other job writes into the run folder; this start is on record there
//   StartedRun      all ranks came here with the same data and program, and may communicate
// A dry run ends with the second one.

/// A configuration with all that `hearth train` needs.
class CheckedConfig {
 public:
  /// Throws ConfigError naming the key that is missing.
  explicit CheckedConfig(Config config);

  const Config& operator*() const { return config_; }
  const Config* operator->() const { return &config_; }

 private:
  Config config_;
};

/// A data set with known bad shards. Nobody can read it before these are left out.
class OpenedData {
 public:
  /// The shards that this process checks: the ranks of a host divide all shards.
  struct Share {
    int first = 0, stride = 1;
  };
  /// Throws the errors of Dataset and Dataset::CheckShards.
  OpenedData(const CheckedConfig& config, Share share);

  /// ManifestHash of the data set.
  const std::string& hash() const { return hash_; }

  /// Leaves out the bad shards that this process found; it must have checked all shards. Throws
  /// DataError when they are too many.
  std::unique_ptr<Dataset> WithoutBadShards() &&;
  /// Leaves out the bad shards of any rank (LeaveOutTogether). Collective: all ranks must call.
  std::unique_ptr<Dataset> WithoutBadShards(Communicator& communicator) &&;

 private:
  std::unique_ptr<Dataset> dataset_;
  std::vector<BadShard> bad_shards_;
  std::string hash_;
};

/// The run folder; it belongs to this job until the end of this object. Rank 0 holds it for all.
class HeldRunFolder {
 public:
  /// Takes the folder and notes the start in it (config.yaml, build.json). Throws ConfigError,
  /// DataError, StorageError or PermissionError when the folder cannot be taken, and NumericError
  /// when the latest starts brought nothing. `job` must outlive this object. It leaves its
  /// exit.json in the folder from now on, and ends when another job takes the folder.
  HeldRunFolder(const CheckedConfig& config, const OpenedData& data,
                const std::vector<std::string>& arguments, const at::TensorOptions& tensors,
                Job& job);

  /// Removes unfinished checkpoints of earlier starts, and records that training begins with this
  /// data. Throws ConfigError when committed steps were trained with other shards. Rank 0 only.
  void RecordBegin(const Dataset& dataset);
  /// Lets a trainer commit under the number of this start, as long as the job holds the folder.
  /// This object must outlive the trainer.
  void Guard(TrainerOptions& options);
  /// Records that the job writes nothing any more.
  void End();

 private:
  void Take();
  void RequireHeld();

  const Config config_;
  Job& job_;
  std::optional<RunLease> lease_;  // rank 0
};

/// All ranks of a run with the same configuration, program and data.
class StartedRun {
 public:
  /// Throws the errors of RequireSameStart, MakeRunCommunicator and LeaveOutTogether. Records the
  /// start in `folder`. Collective: all ranks must call.
  StartedRun(const CheckedConfig& config, OpenedData data, HeldRunFolder& folder,
             const at::TensorOptions& tensors, Job& job);

  const Dataset& dataset() const { return *dataset_; }
  const ChosenCommunicator& chosen() const { return chosen_; }
  Communicator& communicator() const { return *chosen_.communicator; }

 private:
  ChosenCommunicator chosen_;
  std::unique_ptr<Dataset> dataset_;
};

/// The result of TrainerOptionsOf, with the threads of this rank and the memory that a save may
/// copy.
TrainerOptions OptionsOfRank(const CheckedConfig& config, const at::TensorOptions& tensors,
                             const Job& job);

}  // namespace hearth

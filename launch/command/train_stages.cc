#include "launch/command/train_stages.h"

#include <cstdlib>
#include <utility>

#include "common/error.h"
#include "launch/command/run_communicator.h"
#include "launch/command/shard_check.h"
#include "launch/command/train_config.h"
#include "launch/report/run_folder.h"
#include "storage/checkpoint/folder.h"
#include "trainer/loop/tensor_setup.h"
#include "trainer/state/checkpoint_saver.h"

namespace hearth {
namespace {

int64_t NewestStep(const std::string& run_dir) {
  const std::vector<int64_t> steps = ListSteps(run_dir);
  if (steps.empty()) return 0;
  return steps.back();
}

// Ends the job before another rank fails because of this: that rank would leave exit.json in the
// folder of the job that holds it now.
[[noreturn]] void EndWithoutRunFolder(Job& job, const std::string& message) {
  job.LoseRunFolder();
  job.EndAtOnce(ExitCode::kComm, message);
}

}  // namespace

CheckedConfig::CheckedConfig(Config config) : config_(std::move(config)) {
  RequireTrainingKeys(config_);
}

OpenedData::OpenedData(const CheckedConfig& config, Share share)
    : dataset_(std::make_unique<Dataset>(config->data)),
      bad_shards_(dataset_->CheckShards(share.first, share.stride)),
      hash_(ManifestHash(config->data.path)) {}

std::unique_ptr<Dataset> OpenedData::WithoutBadShards() && {
  dataset_->LeaveOut(bad_shards_);
  return std::move(dataset_);
}

std::unique_ptr<Dataset> OpenedData::WithoutBadShards(Communicator& communicator) && {
  LeaveOutTogether(bad_shards_, communicator, *dataset_);
  return std::move(dataset_);
}

HeldRunFolder::HeldRunFolder(const CheckedConfig& config, const OpenedData& data,
                             const std::vector<std::string>& arguments,
                             const at::TensorOptions& tensors, Job& job)
    : config_(*config), job_(job) {
  if (job.is_root()) {
    Take();
    PrepareRunFolder(config_, {arguments, job.world_size(), DeviceName(tensors), data.hash()});
    RequireProgress(config_, NewestStep(config_.run.dir));
  }
  job.SetRunFolder(config_.run.dir);
}

void HeldRunFolder::Take() {
  OpenRunFolder(config_.run.dir);
  LeaseOptions options;
  if (const char* job_id = std::getenv("SLURM_JOB_ID")) options.job_id = job_id;
  lease_.emplace(config_.run.dir, options);
  lease_->StartBeating(
      [&job = job_](const std::string& message) { EndWithoutRunFolder(job, message); });
}

void HeldRunFolder::RequireHeld() {
  try {
    lease_->RequireHeld();
  } catch (const CommError& error) {
    EndWithoutRunFolder(job_, error.what());
  }
}

void HeldRunFolder::RecordBegin(const Dataset& dataset) {
  RemoveLeftovers(config_.run.dir, lease_->number());
  RecordLeftOutShards(config_, LeftOutFiles(dataset), NewestStep(config_.run.dir));
  lease_->RecordBegin(NewestStep(config_.run.dir));
}

void HeldRunFolder::Guard(TrainerOptions& options) {
  if (!lease_) return;
  options.start_number = lease_->number();
  options.require_run_dir = [this] { RequireHeld(); };
}

void HeldRunFolder::End() {
  if (lease_) lease_->End(StartRecord::State::kDone);
}

StartedRun::StartedRun(const CheckedConfig& config, OpenedData data, HeldRunFolder& folder,
                       const at::TensorOptions& tensors, Job& job) {
  job.StartTogether();
  chosen_ = MakeRunCommunicator(job, config->dist, tensors.device());
  RequireSameStart(communicator(), *config, data.hash());
  dataset_ = std::move(data).WithoutBadShards(communicator());
  if (job.is_root()) folder.RecordBegin(*dataset_);
}

TrainerOptions OptionsOfRank(const CheckedConfig& config, const at::TensorOptions& tensors,
                             const Job& job) {
  TrainerOptions options = TrainerOptionsOf(*config);
  options.train.threads = ThreadCountFor(config->train, job.local_size(), tensors.device());
  options.checkpoint_copy_bytes = 0;
  if (config->checkpoint.async == CheckpointOptions::Async::kAuto) {
    options.checkpoint_copy_bytes = MostCopyBytes(job.local_size());
  }
  return options;
}

}  // namespace hearth

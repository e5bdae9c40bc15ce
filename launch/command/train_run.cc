#include "launch/command/train_run.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <unistd.h>

#include "cluster/consensus.h"
#include "cluster/watchdog.h"
#include "common/build_info.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/log.h"
#include "common/text.h"
#include "launch/command/private_files.h"
#include "launch/command/run_communicator.h"
#include "launch/command/shard_check.h"
#include "launch/command/stop_signals.h"
#include "launch/config/resume_check.h"
#include "launch/report/run_folder.h"
#include "launch/report/train_reporter.h"
#include "storage/checkpoint/folder.h"
#include "storage/run/run_lease.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/loop/memory_estimate.h"
#include "trainer/loop/tensor_setup.h"
#include "trainer/loop/trainer.h"

namespace hearth {
namespace {

std::unique_ptr<TrainReporter> MakeReporter(const Config& config, const std::string& progress,
                                            const Job& job) {
  TrainReporter::Options options;
  options.run_folder = config.run.dir;
  options.metrics_every_steps = config.log.metrics_every_steps;
  options.progress = {.style = StyleOf(progress, isatty(STDERR_FILENO) == 1, job.launched_by_mpi()),
                      .every_sec = config.log.every_sec,
                      .clock = SteadyNowSec,
                      .log_line = [](const std::string& line) { spdlog::info("{}", line); },
                      .draw = [](const std::string& text) { std::fputs(text.c_str(), stderr); }};
  return std::make_unique<TrainReporter>(options);
}

// The other ranks must not learn of it by a failure of their own, which would leave exit.json in
// the folder of the job that holds it now.
[[noreturn]] void EndWithoutRunFolder(Job& job, const std::string& message) {
  job.LoseRunFolder();
  job.EndAtOnce(ExitCode::kComm, message);
}

// Holds the run folder from now on.
void TakeRunFolder(const Config& config, Job& job, std::optional<RunLease>& lease) {
  OpenRunFolder(config.run.dir);
  LeaseOptions options;
  if (const char* job_id = std::getenv("SLURM_JOB_ID")) options.job_id = job_id;
  lease.emplace(config.run.dir, options);
  lease->StartBeating([&job](const std::string& message) { EndWithoutRunFolder(job, message); });
}

void RequireRunFolder(const RunLease& lease, Job& job) {
  try {
    lease.RequireHeld();
  } catch (const CommError& error) {
    EndWithoutRunFolder(job, error.what());
  }
}

int64_t NewestStep(const std::string& run_dir) {
  const std::vector<int64_t> steps = ListSteps(run_dir);
  return steps.empty() ? 0 : steps.back();
}

std::unique_ptr<Watchdog> MakeWatchdog(const DistOptions& dist, Job& job) {
  if (dist.watchdog_sec == 0.0) return nullptr;
  const Watchdog::Options options = {
      .limits = {.usual_sec = dist.watchdog_sec, .patient_sec = dist.timeout_sec},
      .launcher = job.launcher()};
  return std::make_unique<Watchdog>(
      options, [&job](const std::string& problem) { job.EndAtOnce(ExitCode::kComm, problem); });
}

// The most that a save beside training may copy.
int64_t CopyBytes(const Config& config, const Job& job) {
  return config.checkpoint.async == CheckpointOptions::Async::kAuto
             ? MostCopyBytes(job.local_size())
             : 0;
}

}  // namespace

TrainerOptions TrainerOptionsOf(const Config& config) {
  TrainerOptions options;
  options.run_dir = config.run.dir;
  options.config_hash = ConfigHash(config);
  options.tool_version = ThisBuild().version;
  options.seed = static_cast<uint64_t>(config.run.seed);
  options.tasks = config.tasks;
  options.model = config.model;
  options.tables = config.tables;
  options.meta = config.meta;
  options.descent = config.descent;
  options.optim = config.optim;
  options.train = config.train;
  options.eval = config.eval;
  options.checkpoint = config.checkpoint;
  options.dist = config.dist;
  options.balance_every_steps = config.log.metrics_every_steps;
  return options;
}

void RequireSameStart(Communicator& communicator, const Config& config,
                      const std::string& data_hash) {
  RequireSameFacts(communicator, {{"hearth version", std::string(ThisBuild().version)},
                                  {"hearth commit", std::string(ThisBuild().commit)},
                                  {"configuration", ConfigHash(config)},
                                  {"train.max_steps", std::to_string(config.train.max_steps)},
                                  {"data set", data_hash},
                                  // Other instructions round differently.
                                  {"instruction set", at::get_cpu_capability()}});
}

void RequireDataPath(const Config& config) {
  if (!config.data.path.empty()) return;
  throw ConfigError(
      "data.path is not set; give data.path=DIR, a folder made by 'hearth data convert'");
}

void RequireTrainingKeys(const Config& config) {
  RequireDataPath(config);
  if (config.run.dir.empty()) {
    throw ConfigError(
        "run.dir is not set; give run.dir=DIR, the folder for checkpoints and metrics");
  }
}

int DryRun(const Config& config, Job& job) {
  Dataset dataset(config.data);
  dataset.LeaveOut(dataset.CheckShards(0, 1));  // all of them: nobody is asked
  const at::TensorOptions tensors = TensorOptionsFor(config.train, job.local_rank());
  // On the processor also for a GPU: nothing is trained.
  const LearnerOfDataset on_data(dataset, config.learner(), tensors.device(at::kCPU));
  const Learner& learner = on_data.learner;
  const ChosenEngine engine =
      ChooseEngine(config.train.engine, {learner, on_data.data.builder()}, tensors.device());
  if (!job.is_root()) return 0;
  AnnounceLeftOut(dataset);
  const int threads = ThreadCountFor(config.train, job.local_size(), tensors.device());
  at::set_num_threads(1);
  KeepFreedMemory();
  const MemoryEstimate memory = EstimateMemory(TrainerOptionsOf(config), dataset, learner,
                                               on_data.data, job.world_size(), threads);
  const DatasetManifest& data = dataset.manifest();
  std::printf(
      "configuration and data are good; nothing was trained\n"
      "  data        %s: %lld training tasks, %lld events\n"
      "  device      %s\n"
      "  engine      %s\n"
      "  parameters  %lld dense, %s with tables and optimizer state\n"
      "  chunks      %s for the gradients of %lld tasks each, on %d threads\n"
      "  sums        %s until the reduction\n"
      "  memory      %s per rank, above start-up; while a checkpoint is saved at most %s more\n",
      data.name.c_str(), static_cast<long long>(data.TaskCount(kTrainPart)),
      static_cast<long long>(data.EventCount(kTrainPart)), DeviceName(tensors).c_str(),
      engine.reason.c_str(), static_cast<long long>(learner.layout().size()),
      FormatBytes(memory.parameters_bytes).c_str(), FormatBytes(memory.chunk_bytes).c_str(),
      static_cast<long long>(config.tasks.chunk), threads, FormatBytes(memory.sums_bytes).c_str(),
      FormatBytes(memory.total_bytes()).c_str(), FormatBytes(CopyBytes(config, job)).c_str());
  return 0;
}

int TrainRun(const Config& config, const Invocation& invocation, const std::string& progress,
             Job& job) {
  KeepFilesPrivate();
  const std::atomic<bool>& stop_requested = CatchStopSignals();
  RequireWritableRunFolder(config.run.dir);
  Dataset dataset(config.data);
  const auto bad_shards = dataset.CheckShards(job.local_rank(), job.local_size());
  const at::TensorOptions tensors = TensorOptionsFor(config.train, job.local_rank());
  const std::string data_hash = ManifestHash(config.data.path);
  std::optional<RunLease> lease;
  if (job.is_root()) {
    TakeRunFolder(config, job, lease);
    PrepareRunFolder(config,
                     {invocation.arguments, job.world_size(), DeviceName(tensors), data_hash});
    RequireProgress(config, NewestStep(config.run.dir));
  }
  job.SetRunFolder(config.run.dir);
  job.StartTogether();

  const ChosenCommunicator chosen = MakeRunCommunicator(job, config.dist, tensors.device());
  Communicator& communicator = *chosen.communicator;
  RequireSameStart(communicator, config, data_hash);
  LeaveOutTogether(bad_shards, communicator, dataset);
  SilentObserver silent;
  std::unique_ptr<TrainReporter> reporter;
  TrainerOptions options = TrainerOptionsOf(config);
  if (job.is_root()) {
    RemoveLeftovers(config.run.dir, lease->number());
    RecordLeftOutShards(config, LeftOutFiles(dataset), NewestStep(config.run.dir));
    lease->RecordBegin(NewestStep(config.run.dir));
    options.start_number = lease->number();
    options.require_run_dir = [&] { RequireRunFolder(*lease, job); };
    LogOptions log = invocation.log;
    log.file = LogPath(config.run.dir);
    SetUpLogging(log);
    AnnounceLeftOut(dataset);
    reporter = MakeReporter(config, progress, job);
    reporter->OnStart(dataset, DeviceName(tensors), chosen);
  }
  TrainObserver& observer = reporter ? static_cast<TrainObserver&>(*reporter) : silent;
  const double begin = SteadyNowSec();
  KeepFreedMemory();
  options.train.threads = ThreadCountFor(config.train, job.local_size(), tensors.device());
  options.checkpoint_copy_bytes = CopyBytes(config, job);
  const std::unique_ptr<Watchdog> watchdog = MakeWatchdog(config.dist, job);
  Trainer trainer(options, dataset, communicator, observer, stop_requested, tensors);
  const TrainOutcome outcome = trainer.Run();
  if (reporter) reporter->OnEnd(outcome, trainer.state(), SteadyNowSec() - begin);
  if (lease) lease->End(StartRecord::State::kDone);
  return outcome == TrainOutcome::kStopped ? static_cast<int>(ExitCode::kStopped) : 0;
}

}  // namespace hearth

#include "launch/command/train_run.h"

#include <chrono>
#include <cstdio>

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <unistd.h>

#include "cluster/consensus.h"
#include "common/build_info.h"
#include "common/error.h"
#include "common/log.h"
#include "common/text.h"
#include "launch/command/run_communicator.h"
#include "launch/command/stop_signals.h"
#include "launch/config/resume_check.h"
#include "launch/report/run_folder.h"
#include "launch/report/train_reporter.h"
#include "trainer/memory_estimate.h"
#include "trainer/tensor_setup.h"
#include "trainer/trainer.h"

namespace hearth {
namespace {

double SecondsNow() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::unique_ptr<TrainReporter> MakeReporter(const Config& config, const std::string& progress,
                                            const Job& job) {
  TrainReporter::Options options;
  options.run_folder = config.run.dir;
  options.metrics_every_steps = config.log.metrics_every_steps;
  options.progress = {.style = StyleOf(progress, isatty(STDERR_FILENO) == 1, job.launched_by_mpi()),
                      .every_sec = config.log.every_sec,
                      .clock = SecondsNow,
                      .log_line = [](const std::string& line) { spdlog::info("{}", line); },
                      .draw = [](const std::string& text) { std::fputs(text.c_str(), stderr); }};
  return std::make_unique<TrainReporter>(options);
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
  const Dataset dataset(config.data);
  const at::TensorOptions tensors = TensorOptionsFor(config.train, job.local_rank());
  // On the processor also for a GPU: nothing is trained.
  const MetaLearner learner(dataset, config.model, config.meta, tensors.device(at::kCPU));
  const ChosenEngine engine = ChooseEngine(
      config.train.engine, {learner.model(), learner.method(), learner.builder(), config.meta.loss},
      config.meta, tensors.device());
  if (!job.is_root()) return 0;
  const int threads = ThreadCountFor(config.train, job.local_size(), tensors.device());
  at::set_num_threads(1);
  KeepFreedMemory();
  const MemoryEstimate memory =
      EstimateMemory(TrainerOptionsOf(config), dataset, learner, job.world_size(), threads);
  const DatasetManifest& data = dataset.manifest();
  std::printf(
      "configuration and data are good; nothing was trained\n"
      "  data        %s: %lld training tasks, %lld events\n"
      "  device      %s\n"
      "  engine      %s\n"
      "  parameters  %lld dense, %s with tables and optimizer state\n"
      "  chunks      %s for the gradients of %lld tasks each, on %d threads\n"
      "  sums        %s until the reduction\n"
      "  memory      %s per rank, above start-up\n",
      data.name.c_str(), static_cast<long long>(data.TaskCount(kTrainPart)),
      static_cast<long long>(data.EventCount(kTrainPart)), DeviceName(tensors).c_str(),
      engine.reason.c_str(), static_cast<long long>(learner.model().layout().size()),
      FormatBytes(memory.parameters_bytes).c_str(), FormatBytes(memory.chunk_bytes).c_str(),
      static_cast<long long>(config.tasks.chunk), threads, FormatBytes(memory.sums_bytes).c_str(),
      FormatBytes(memory.total_bytes()).c_str());
  return 0;
}

int TrainRun(const Config& config, const Invocation& invocation, const std::string& progress,
             Job& job) {
  const Dataset dataset(config.data);
  const at::TensorOptions tensors = TensorOptionsFor(config.train, job.local_rank());
  const std::string data_hash = ManifestHash(config.data.path);
  if (job.is_root()) {
    PrepareRunFolder(config,
                     {invocation.arguments, job.world_size(), DeviceName(tensors), data_hash});
  }
  job.SetRunFolder(config.run.dir);
  const std::atomic<bool>& stop_requested = CatchStopSignals();
  job.StartTogether();

  const ChosenCommunicator chosen = MakeRunCommunicator(job, config.dist, tensors.device());
  Communicator& communicator = *chosen.communicator;
  RequireSameStart(communicator, config, data_hash);
  SilentObserver silent;
  std::unique_ptr<TrainReporter> reporter;
  if (job.is_root()) {
    LogOptions log = invocation.log;
    log.file = LogPath(config.run.dir);
    SetUpLogging(log);
    reporter = MakeReporter(config, progress, job);
    reporter->OnStart(dataset, DeviceName(tensors), chosen);
  }
  TrainObserver& observer = reporter ? static_cast<TrainObserver&>(*reporter) : silent;
  const double begin = SecondsNow();
  KeepFreedMemory();
  TrainerOptions options = TrainerOptionsOf(config);
  options.train.threads = ThreadCountFor(config.train, job.local_size(), tensors.device());
  options.checkpoint_copy_bytes = config.checkpoint.async == CheckpointOptions::Async::kAuto
                                      ? MostCopyBytes(job.local_size())
                                      : 0;
  Trainer trainer(options, dataset, communicator, observer, stop_requested, tensors);
  const TrainOutcome outcome = trainer.Run();
  if (reporter) reporter->OnEnd(outcome, trainer.state(), SecondsNow() - begin);
  return outcome == TrainOutcome::kStopped ? static_cast<int>(ExitCode::kStopped) : 0;
}

}  // namespace hearth

#include "launch/command/train_run.h"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include <ATen/Parallel.h>
#include <unistd.h>

#include "cluster/consensus.h"
#include "cluster/watchdog.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/log.h"
#include "common/text.h"
#include "launch/command/private_files.h"
#include "launch/command/run_argument.h"
#include "launch/command/shard_check.h"
#include "launch/command/stop_signals.h"
#include "launch/report/model_card.h"
#include "launch/report/run_folder.h"
#include "launch/report/train_reporter.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/loop/memory_estimate.h"
#include "trainer/loop/tensor_setup.h"
#include "trainer/loop/trainer.h"
#include "trainer/state/model_folder.h"
#include "trainer/tensor/training_phases.h"

namespace hearth {
namespace {

std::unique_ptr<TrainReporter> NewReporter(const Config& config, const std::string& progress,
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

std::unique_ptr<Watchdog> MakeWatchdog(const DistOptions& dist, Job& job) {
  if (dist.watchdog_sec == 0.0) return nullptr;
  const Watchdog::Options options = {
      .limits = {.usual_sec = dist.watchdog_sec, .patient_sec = dist.timeout_sec},
      .launcher = job.launcher()};
  return std::make_unique<Watchdog>(
      options, [&job](const std::string& problem) { job.EndAtOnce(ExitCode::kComm, problem); });
}

void PrintDryRun(const TrainerOptions& options, const Dataset& dataset, const Learner& learner,
                 const ChosenEngine& engine, const MemoryEstimate& memory,
                 const at::TensorOptions& tensors) {
  const DatasetManifest& data = dataset.manifest();
  std::printf(
      "configuration and data are good; nothing was trained\n"
      "  data        %s: %lld training tasks, %lld events\n"
      "  device      %s\n"
      "  engine      %s\n"
      "  parameters  %lld dense, %s with tables and optimizer state\n"
      "  chunks      %s for the gradients of %lld tasks each, on %lld threads\n"
      "  sums        %s until the reduction\n"
      "  memory      %s per rank, above start-up; while a checkpoint is saved at most %s more\n",
      data.name.c_str(), static_cast<long long>(data.TaskCount(kTrainPart)),
      static_cast<long long>(data.EventCount(kTrainPart)), DeviceName(tensors).c_str(),
      engine.reason.c_str(), static_cast<long long>(learner.layout().size()),
      FormatBytes(memory.parameters_bytes).c_str(), FormatBytes(memory.chunk_bytes).c_str(),
      static_cast<long long>(options.tasks.chunk), static_cast<long long>(options.train.threads),
      FormatBytes(memory.sums_bytes).c_str(), FormatBytes(memory.total_bytes()).c_str(),
      FormatBytes(options.checkpoint_copy_bytes).c_str());
}

// Rank 0 begins to log into the run folder and to report.
std::unique_ptr<TrainReporter> BeginToReport(const CheckedConfig& config, const StartedRun& run,
                                             const at::TensorOptions& tensors,
                                             const Invocation& invocation,
                                             const std::string& progress, const Job& job) {
  if (!job.is_root()) return nullptr;
  LogOptions log = invocation.log;
  log.file = LogPath(config->run.dir);
  SetUpLogging(log);
  AnnounceLeftOut(run.dataset());
  auto reporter = NewReporter(*config, progress, job);
  reporter->OnStart(run.dataset(), DeviceName(tensors), run.chosen());
  return reporter;
}

// RUN/model: the best step as a model folder. A folder of an earlier end of the run goes first.
// Collective: all ranks must call.
void WriteBestModel(const Config& config, const Learner& learner, Communicator& communicator) {
  EnterPhase(kEndPhase);
  const std::string folder = ModelPath(config.run.dir);
  std::string path;
  if (communicator.is_root()) {
    path = FindCheckpoint(config.run.dir, "best");
    std::filesystem::remove_all(folder);
  }
  const CheckpointReader checkpoint(BroadcastText(communicator, path));
  WriteModelFolder({checkpoint, learner, ModelSettings(config),
                    ModelCard(config, *learner.schema(), checkpoint.manifest())},
                   folder, communicator);
}

}  // namespace

int DryRun(const CheckedConfig& config, Job& job) {
  OpenedData opened(config, {});  // checks all shards: nobody is asked
  const std::unique_ptr<Dataset> dataset = std::move(opened).WithoutBadShards();
  const at::TensorOptions tensors = TensorOptionsFor(config->train, job.local_rank());
  // On the processor also for a GPU: nothing is trained.
  const LearnerOfDataset on_data(*dataset, *config, tensors.device(at::kCPU));
  const ChosenEngine engine = ChooseEngine(
      config->train.engine, {on_data.learner, on_data.data.builder()}, tensors.device());
  if (!job.is_root()) return 0;
  AnnounceLeftOut(*dataset);
  at::set_num_threads(1);
  KeepFreedMemory();
  const TrainerOptions options = OptionsOfRank(config, tensors, job);
  const auto threads = static_cast<int>(options.train.threads);
  const MemoryEstimate memory =
      EstimateMemory(options, *dataset, on_data.learner, on_data.data, job.world_size(), threads);
  PrintDryRun(options, *dataset, on_data.learner, engine, memory, tensors);
  return 0;
}

int TrainRun(const CheckedConfig& config, const Invocation& invocation, const std::string& progress,
             Job& job) {
  KeepFilesPrivate();
  const std::atomic<bool>& stop_requested = CatchStopSignals();
  RequireWritableRunFolder(config->run.dir);
  OpenedData data(config, {job.local_rank(), job.local_size()});
  const at::TensorOptions tensors = TensorOptionsFor(config->train, job.local_rank());
  HeldRunFolder folder(config, data, invocation.arguments, tensors, job);
  const StartedRun run(config, std::move(data), folder, tensors, job);

  SilentObserver silent;
  const auto reporter = BeginToReport(config, run, tensors, invocation, progress, job);
  TrainObserver& observer = reporter ? static_cast<TrainObserver&>(*reporter) : silent;
  const double begin = SteadyNowSec();
  KeepFreedMemory();
  TrainerOptions options = OptionsOfRank(config, tensors, job);
  folder.Guard(options);
  const std::unique_ptr<Watchdog> watchdog = MakeWatchdog(config->dist, job);
  Trainer trainer(options, run.dataset(), run.communicator(), observer, stop_requested, tensors);
  const TrainOutcome outcome = trainer.Run();
  // A job that has to stop has no time for it; `hearth export` makes the same folder.
  if (outcome != TrainOutcome::kStopped) {
    WriteBestModel(*config, trainer.learner(), run.communicator());
  }
  if (reporter) reporter->OnEnd(outcome, trainer.state(), SteadyNowSec() - begin);
  folder.End();
  return outcome == TrainOutcome::kStopped ? static_cast<int>(ExitCode::kStopped) : 0;
}

}  // namespace hearth

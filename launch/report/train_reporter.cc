#include "launch/report/train_reporter.h"

#include "common/build_info.h"
#include "common/log.h"
#include "common/text.h"
#include "launch/report/run_folder.h"
#include "trainer/loop/skip_budget.h"

namespace hearth {
namespace {

const char* NameOf(TrainOutcome outcome) {
  switch (outcome) {
    case TrainOutcome::kDone:
      return "done";
    case TrainOutcome::kEarlyStopped:
      return "early_stopped";
    case TrainOutcome::kStopped:
      return "stopped";
  }
  HEARTH_CHECK(false);
  return "";
}

const char* EndText(TrainOutcome outcome) {
  switch (outcome) {
    case TrainOutcome::kDone:
      return "done";
    case TrainOutcome::kEarlyStopped:
      return "stopped early: no more improvement,";
    case TrainOutcome::kStopped:
      return "stopped as asked, with a checkpoint,";
  }
  HEARTH_CHECK(false);
  return "";
}

/// "1 rank", "2 ranks".
std::string CountText(int count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

TrainReporter::TrainReporter(const Options& options)
    : metrics_(MetricsPath(options.run_folder)),
      metrics_every_steps_(options.metrics_every_steps),
      progress_(options.progress) {}

void TrainReporter::OnStart(const Dataset& dataset, const std::string& device,
                            const ChosenCommunicator& chosen) {
  const int world_size = chosen.communicator->world_size();
  const std::string communicator = chosen.communicator->name();
  const DatasetManifest& data = dataset.manifest();
  Say(fmt::format("data {}: {} users, {} items, {} training tasks with {} events", data.name,
                  data.user_count, data.item_count, data.TaskCount(kTrainPart),
                  data.EventCount(kTrainPart)));
  Say(fmt::format("hearth {} ({}), {} on {}", ThisBuild().version, ThisBuild().commit,
                  CountText(world_size, "rank"), device));
  Say(fmt::format("communicator {}: {}", communicator, chosen.reason));
  metrics_.Write({{"event", "start"},
                  {"version", ThisBuild().version},
                  {"commit", ThisBuild().commit},
                  {"world_size", world_size},
                  {"communicator", communicator},
                  {"device", device},
                  {"left_out_shards", dataset.left_out().size()}});
}

void TrainReporter::OnEngine(const std::string& engine, int thread_count) {
  Say(fmt::format("engine {}, {} per rank", engine, CountText(thread_count, "thread")));
  metrics_.Write({{"event", "engine"}, {"engine", engine}, {"threads", thread_count}});
}

void TrainReporter::OnEnd(TrainOutcome outcome, const TrainState& state, double seconds) {
  Say(fmt::format("{} at step {} after {}; {} tasks seen, {} skipped", EndText(outcome), state.step,
                  FormatDuration(seconds), state.tasks_seen, state.tasks_skipped));
  if (state.best_step >= 0) {
    Say(fmt::format("best validation value {:.5f} at step {}", state.best_metric, state.best_step));
  }
  if (state.best_step == 0 && outcome != TrainOutcome::kStopped) {
    Warn(
        "no step of training was better than the start of the run, so the start is the best step "
        "and the model; lower optim.lr and optim.table_lr, or evaluate more often (eval.every)");
  }
  metrics_.Write({{"event", "end"},
                  {"outcome", NameOf(outcome)},
                  {"step", state.step},
                  {"tasks_seen", state.tasks_seen},
                  {"tasks_skipped", state.tasks_skipped},
                  {"best_step", state.best_step},
                  {"best_value", state.best_metric},
                  {"seconds", seconds}});
}

void TrainReporter::OnResume(const std::string& checkpoint_path, int64_t step) {
  Say(fmt::format("resuming from {} (step {})", checkpoint_path, step));
  metrics_.Write({{"event", "resume"}, {"step", step}, {"checkpoint", checkpoint_path}});
}

void TrainReporter::OnRefusedCheckpoint(const std::string& path, const std::string& reason) {
  progress_.Interrupt();
  spdlog::error("checkpoint {} REFUSED, trying the one before: {}", path, reason);
  metrics_.Write({{"event", "refused_checkpoint"}, {"checkpoint", path}, {"reason", reason}});
}

void TrainReporter::OnStep(const StepReport& report) {
  const StepResult& result = report.result;
  progress_.OnStep(report.step, report.max_steps, report.epoch, result.loss, result.task_count);
  if (result.skipped_task_count > 0) {
    Say(fmt::format("step {}: {} of {} tasks skipped: their loss or gradient was not finite",
                    report.step, result.skipped_task_count,
                    result.skipped_task_count + result.task_count));
  }
  if (report.step % metrics_every_steps_ != 0 && report.step != report.max_steps) return;
  metrics_.Write({{"event", "step"},
                  {"step", report.step},
                  {"epoch", report.epoch},
                  {"loss", result.loss},
                  {"gradient_norm", result.gradient_norm},
                  {"rate_factor", result.rate_factor},
                  {"tasks", result.task_count},
                  {"skipped", result.skipped_task_count},
                  {"step_sec", report.step_sec},
                  {"load_sec", report.load_sec},
                  {"fetch_sec", report.times.fetch},
                  {"compute_sec", report.times.compute},
                  {"reduce_sec", report.times.reduce},
                  {"update_sec", report.times.update},
                  {"comm_calls", report.traffic.calls},
                  {"sent_bytes", report.traffic.sent_bytes},
                  {"received_bytes", report.traffic.received_bytes}});
}

void TrainReporter::OnBalance(const BalanceReport& report) {
  nlohmann::json ranks = nlohmann::json::array();
  for (const RankTimes& rank : report.ranks) {
    ranks.push_back({{"host", rank.host},
                     {"load_sec", rank.load},
                     {"fetch_sec", rank.step.fetch},
                     {"compute_sec", rank.step.compute},
                     {"reduce_sec", rank.step.reduce},
                     {"update_sec", rank.step.update}});
  }
  metrics_.Write({{"event", "balance"},
                  {"steps", report.step_count},
                  {"max_over_mean", report.max_over_mean},
                  {"ranks", ranks}});
  for (const BalanceReport::Straggler& straggler : report.stragglers) {
    Warn(fmt::format(
        "rank {} on {} is slow: {:.2f} times the median of the ranks for {} reports in a row, "
        "mostly in phase '{}'",
        straggler.rank, report.ranks[straggler.rank].host, straggler.times, BalanceWatch::kWindows,
        straggler.phase));
  }
}

void TrainReporter::OnEvaluation(const ValidationResult& result, bool is_best) {
  if (std::isnan(result.value)) {
    Warn(
        fmt::format("validation at step {}: {} is undefined on every one of {} tasks, so no step "
                    "can be the best; look at eval.relevant_at and at the labels",
                    result.step, result.metric, result.task_count));
  } else {
    progress_.OnMetric(result.metric, result.value);
  }
  std::string scenarios;
  for (const auto& [scenario, value] : result.by_scenario) {
    scenarios += fmt::format("  {} {:.4f}", scenario, value);
  }
  Say(fmt::format(
      "validation at step {}: {} {:.4f}{}{}  adaptation lowers the loss by {:.1f} % ({})",
      result.step, result.metric, result.value, is_best ? " (best)" : "", scenarios,
      100.0 * result.loss_reduction(), FormatDuration(result.seconds)));
  metrics_.Write({{"event", "evaluation"},
                  {"step", result.step},
                  {"metric", result.metric},
                  {"value", result.value},
                  {"best", is_best},
                  {"adapted_loss", result.adapted_loss},
                  {"unadapted_loss", result.unadapted_loss},
                  {"tasks", result.task_count},
                  {"by_scenario", result.by_scenario},
                  {"seconds", result.seconds}});
}

void TrainReporter::OnCheckpoint(const CheckpointReport& report) {
  Say(fmt::format("checkpoint of step {}: {}{} in {:.2f} s, {:.2f} s of them not training",
                  report.step, FormatBytes(report.size_bytes), report.is_delta ? " of changes" : "",
                  report.save_sec, report.stall_sec));
  metrics_.Write({{"event", "checkpoint"},
                  {"step", report.step},
                  {"path", report.path},
                  {"size_bytes", report.size_bytes},
                  {"delta", report.is_delta},
                  {"seconds", report.save_sec},
                  {"stall_seconds", report.stall_sec}});
}

void TrainReporter::OnFailedSave(int64_t step, const std::string& reason, int64_t count,
                                 int64_t limit) {
  Warn(fmt::format(
      "step {} was NOT saved ({} of at most {} failures in a row), earlier checkpoints stay and "
      "training goes on: {}",
      step, count, limit, reason));
  metrics_.Write(
      {{"event", "failed_save"}, {"step", step}, {"reason", reason}, {"in_a_row", count}});
}

void TrainReporter::OnSkippedStep(int64_t step, const std::string& reason, int64_t count) {
  Warn(
      fmt::format("step {} left out ({} of the last {}; more than {} undo training since the last "
                  "checkpoint): {}",
                  step, count, SkipBudget::kWindow, SkipBudget::kMost, reason));
  metrics_.Write(
      {{"event", "skipped_step"}, {"step", step}, {"reason", reason}, {"of_window", count}});
}

void TrainReporter::OnRollBack(int64_t step, const std::string& checkpoint_path) {
  Warn(fmt::format("step {}: too many steps could not be taken; going on with the parameters of {}",
                   step, checkpoint_path));
  metrics_.Write({{"event", "roll_back"}, {"step", step}, {"checkpoint", checkpoint_path}});
}

void TrainReporter::OnLossSpike(int64_t step, const LossSpike& spike) {
  Warn(fmt::format("step {}: the loss {:.4g} lies far above the {:.4g} of the steps before it",
                   step, spike.loss, spike.median));
  metrics_.Write(
      {{"event", "loss_spike"}, {"step", step}, {"loss", spike.loss}, {"median", spike.median}});
}

void TrainReporter::Warn(const std::string& text) {
  progress_.Interrupt();
  spdlog::warn("{}", text);
}

void TrainReporter::Say(const std::string& text) {
  progress_.Interrupt();
  spdlog::info("{}", text);
}

}  // namespace hearth

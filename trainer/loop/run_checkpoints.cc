#include "trainer/loop/run_checkpoints.h"

#include <array>
#include <chrono>
#include <utility>

#include "common/clock.h"
#include "common/error.h"
#include "common/hash.h"
#include "common/phase.h"
#include "common/rank_place.h"
#include "storage/checkpoint/folder.h"
#include "storage/checkpoint/reader.h"
#include "trainer/state/replica_check.h"
#include "trainer/tensor/training_phases.h"

namespace hearth {
namespace {

std::string NewRunId() {
  const std::array<int64_t, 2> entropy = {
      std::chrono::system_clock::now().time_since_epoch().count(),
      std::chrono::steady_clock::now().time_since_epoch().count()};
  return HexOf(Xxh3(entropy.data(), sizeof(entropy)));
}

CheckpointSaver::Options SaverOptions(const TrainerOptions& options) {
  return {.run_dir = options.run_dir,
          .start_number = options.start_number,
          .keep = options.checkpoint.keep,
          .copy_bytes = options.checkpoint_copy_bytes,
          .max_deltas = options.checkpoint.max_deltas,
          .delta_from_bytes = options.checkpoint_delta_from_bytes,
          .require_run_dir = options.require_run_dir};
}

}  // namespace

RunCheckpoints::RunCheckpoints(const TrainerOptions& options, const Dataset& dataset,
                               const ParameterLayout& layout, RunState& state,
                               CountingCommunicator& communicator, TrainObserver& observer)
    : options_(options),
      data_path_(dataset.path()),
      data_hash_(dataset.Hash()),
      layout_(layout),
      state_(state),
      communicator_(communicator),
      observer_(observer),
      schedule_(options.checkpoint, SteadyNowSec),
      saver_(SaverOptions(options), communicator) {}

bool RunCheckpoints::Resume() {
  std::string path;
  if (communicator_.is_root()) path = PathToResume();
  path = BroadcastText(communicator_, path);
  if (path.empty()) {
    run_id_ = BroadcastText(communicator_, NewRunId());
    return false;
  }
  Load(path);
  observer_.OnResume(path, state_.counters.step);
  return true;
}

std::optional<std::string> RunCheckpoints::LoadNewest() {
  HEARTH_CHECK(!saver_.in_flight());
  std::string path;
  if (communicator_.is_root()) path = PathOfNewest();
  path = BroadcastText(communicator_, path);
  if (path.empty()) return std::nullopt;
  Load(path);
  return path;
}

// Rank 0. Empty: there is nothing to resume.
std::string RunCheckpoints::PathToResume() const {
  const std::string& resume = options_.checkpoint.resume;
  if (resume == "never") return {};
  if (resume != "auto") return resume;
  return FindNewestValid(options_.run_dir,
                         [this](const std::string& refused, const std::string& reason) {
                           observer_.OnRefusedCheckpoint(refused, reason);
                         })
      .value_or("");
}

// Rank 0. Empty: there is none.
std::string RunCheckpoints::PathOfNewest() const {
  return FindNewestValid(options_.run_dir, [](const std::string&, const std::string&) {})
      .value_or("");
}

void RunCheckpoints::Load(const std::string& path) {
  const CheckpointReader checkpoint(path);
  const std::string& trained_on = checkpoint.manifest().data_hash;
  if (trained_on != data_hash_) {
    throw ConfigError(
        "checkpoint '{}' was trained on other data: its data set has manifest {}, '{}' has {}; "
        "point data.path at the same data set, or start anew with another run.dir",
        path, trained_on.substr(0, 12), data_path_, data_hash_.substr(0, 12));
  }
  LoadRunState(checkpoint, layout_, state_);
  saver_.SetBase(checkpoint);
  schedule_.OnLoaded(state_.counters.step);
  run_id_ = checkpoint.manifest().run_id;
}

bool RunCheckpoints::RequestsSave() const {
  return communicator_.is_root() && !saver_.in_flight() && schedule_.IntervalIsOver();
}

bool RunCheckpoints::IsDue(bool is_requested) const {
  const TrainState& counters = state_.counters;
  return schedule_.IsDueAfter(counters.step, counters.step == counters.best_step, is_requested);
}

void RunCheckpoints::Begin(const StepNotes& notes) {
  EnterPhase(kSavePhase);
  Finish();
  RequireEqualRanks(state_, communicator_);
  schedule_.OnBegin(state_.counters.step);
  const RankPlace place{communicator_.rank(), communicator_.world_size()};
  const SaveBytes bytes = BytesToSave(state_, layout_, place);
  const bool is_delta = saver_.PrefersDelta(bytes.whole, bytes.changes);
  const SaveScope scope = is_delta ? SaveScope::kChanges : SaveScope::kWhole;
  SavedArrays saved = ArraysToSave(state_, layout_, place, scope);
  for (EmbeddingTable& table : state_.parameters.tables) table.ForgetChanges();
  saver_.Begin(is_delta ? CheckpointSaver::Kind::kDelta : CheckpointSaver::Kind::kWhole,
               ManifestOf(notes), std::move(saved.arrays), {state_.counters.best_step});
  schedule_.OnTrainingGoesOn();
}

CheckpointManifest RunCheckpoints::ManifestOf(const StepNotes& notes) const {
  CheckpointManifest manifest;
  manifest.run_id = run_id_;
  manifest.step = state_.counters.step;
  manifest.epoch = notes.epoch;
  manifest.world_size = communicator_.world_size();
  manifest.config_hash = options_.config_hash;
  manifest.data_hash = data_hash_;
  manifest.tool_version = options_.tool_version;
  manifest.metric = notes.metric;
  manifest.scalars = ToJson(state_.counters);
  return manifest;
}

void RunCheckpoints::Advance() {
  if (!saver_.in_flight()) return;
  if (const auto outcome = saver_.Advance()) OnEnd(*outcome);
}

void RunCheckpoints::Finish() {
  if (saver_.in_flight()) OnEnd(saver_.Finish());
}

void RunCheckpoints::SaveLast(const StepNotes& notes) {
  EnterPhase(kSavePhase);
  Finish();
  if (schedule_.Has(state_.counters.step)) return;
  Begin(notes);
  const SaveOutcome outcome = saver_.Finish();
  if (outcome.failure) Throw(*outcome.failure);  // no later save makes up for this one
  Report(outcome);
}

void RunCheckpoints::OnEnd(const SaveOutcome& outcome) {
  if (!outcome.failure) {
    schedule_.OnCommitted();
    Report(outcome);
    return;
  }
  const RankFailure& failure = *outcome.failure;
  const std::optional<int64_t> count = schedule_.OnFailed(outcome.step, failure.code);
  if (!count) Throw(failure);
  observer_.OnFailedSave(outcome.step, failure.message, *count,
                         options_.checkpoint.max_failed_saves);
}

void RunCheckpoints::Report(const SaveOutcome& outcome) {
  observer_.OnCheckpoint({.path = outcome.path,
                          .step = outcome.step,
                          .size_bytes = outcome.size_bytes,
                          .is_delta = outcome.is_delta,
                          .save_sec = outcome.save_sec,
                          .stall_sec = outcome.stall_sec});
}

}  // namespace hearth

#include "trainer/state/checkpoint_saver.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include <spdlog/spdlog.h>

#include "common/clock.h"
#include "common/machine_memory.h"
#include "common/phase.h"
#include "storage/checkpoint/folder.h"
#include "storage/checkpoint/writer.h"
#include "trainer/tensor/training_phases.h"

namespace hearth {
namespace {

constexpr double kShortestIntervalSec = 60.0;

}  // namespace

double BestSaveInterval(double cost_sec, double mtbf_sec) {
  return std::max(kShortestIntervalSec, std::sqrt(2.0 * cost_sec * mtbf_sec));
}

int64_t MostCopyBytes(int local_size) {
  return ReadMachineMemory().available / 4 / std::max(1, local_size);
}

CheckpointSaver::CheckpointSaver(Options options, Communicator& communicator)
    : options_(std::move(options)), communicator_(communicator) {}

CheckpointSaver::Chain CheckpointSaver::ChainOf(const CheckpointReader& checkpoint) {
  Chain chain{{checkpoint.manifest().step, checkpoint.manifest().sha256}};
  for (const CheckpointReader* link = &checkpoint; link->base() != nullptr; link = link->base()) {
    ++chain.deltas;
    chain.delta_bytes += link->manifest().size_bytes();
  }
  return chain;
}

void CheckpointSaver::SetBase(const CheckpointReader& checkpoint) {
  const int64_t step = checkpoint.manifest().step;
  chain_.reset();
  // A checkpoint of another folder cannot be found again by its step.
  if (checkpoint.path() == CheckpointPath(options_.run_dir, step)) chain_ = ChainOf(checkpoint);
}

bool CheckpointSaver::PrefersDelta(int64_t whole_bytes, int64_t changed_bytes) {
  HEARTH_CHECK(!in_flight());
  const bool has_base = communicator_.is_root() && chain_ && chain_->deltas < options_.max_deltas;
  std::array<int64_t, 4> sums = {whole_bytes, changed_bytes, has_base ? 1 : 0,
                                 has_base ? chain_->delta_bytes : 0};
  communicator_.AllReduce(std::span(sums), ReduceOp::kSum);
  const auto& [whole, changed, any_base, chain] = sums;
  return any_base == 1 && whole >= options_.delta_from_bytes && 2 * changed <= whole &&
         chain + changed <= whole;
}

void CheckpointSaver::Begin(Kind kind, CheckpointManifest manifest, std::vector<NamedArray> arrays,
                            std::vector<int64_t> pinned_steps) {
  HEARTH_CHECK(!in_flight(), "the save of step {} is in flight", manifest_.step);
  begin_sec_ = SteadyNowSec();
  manifest_ = std::move(manifest);
  arrays_ = std::move(arrays);
  if (kind == Kind::kDelta && communicator_.is_root()) manifest_.base = chain_->head;
  pinned_steps_ = std::move(pinned_steps);
  outcome_ = {};
  outcome_.step = manifest_.step;
  outcome_.is_delta = kind == Kind::kDelta;
  folder_.clear();
  is_copied_ = ArrayCopy::BytesFor(arrays_) <= options_.copy_bytes;
  if (is_copied_) copy_.Hold(arrays_);
  std::array<uint8_t, 1> all_copied = {is_copied_ ? uint8_t{1} : uint8_t{0}};
  communicator_.AllReduce(std::span(all_copied), ReduceOp::kMin);
  stage_ = Stage::kPreparing;
  if (communicator_.is_root()) RunInThread([this] { Prepare(); });
  if (all_copied[0] == 0) BeginWriting();
  outcome_.stall_sec = SteadyNowSec() - begin_sec_;
}

// Rank 0.
void CheckpointSaver::Prepare() {
  MarkBackgroundPhase(kSavePreparePhase);
  folder_ =
      PrepareCheckpoint(options_.run_dir, manifest_.step, manifest_.run_id, options_.start_number);
}

// Collective. An empty folder name means that rank 0 has a failure to report.
void CheckpointSaver::BeginWriting() {
  WaitForThread();
  folder_ = BroadcastText(communicator_, folder_);
  stage_ = Stage::kWriting;
  if (folder_.empty()) return;
  RunInThread([this] { Write(); });
  if (!is_copied_) WaitForThread();
}

void CheckpointSaver::Write() {
  MarkBackgroundPhase(kSaveWritePhase);
  piece_ = WriteCheckpointPiece(
      folder_, {manifest_.run_id, manifest_.step, communicator_.rank(), communicator_.world_size()},
      arrays_);
}

// Rank 0.
void CheckpointSaver::Commit() {
  if (options_.require_run_dir) options_.require_run_dir();
  MarkBackgroundPhase(kSaveCommitPhase);
  outcome_.path = CommitCheckpoint(options_.run_dir, folder_, manifest_);
  chain_.reset();
  const std::optional<RankFailure> not_read_back =
      Attempt([&] { chain_ = ChainOf(CheckpointReader(outcome_.path, Author::kThisJob)); });
  if (not_read_back) {
    spdlog::warn("step {} is saved, but no delta can follow it: {}", manifest_.step,
                 not_read_back->message);
  }
  MarkBackgroundPhase(kSavePrunePhase);
  const std::optional<RankFailure> not_pruned =
      Attempt([&] { PruneCheckpoints(options_.run_dir, options_.keep, pinned_steps_); });
  if (not_pruned) {
    spdlog::warn("step {} is saved, but older checkpoints stay: {}", manifest_.step,
                 not_pruned->message);
  }
}

void CheckpointSaver::RunInThread(std::function<void()> work) {
  work_ = std::async(std::launch::async, [work = std::move(work)] { return Attempt(work); });
}

void CheckpointSaver::WaitForThread() {
  if (work_.valid()) work_.wait();
}

bool CheckpointSaver::is_busy() const {
  return work_.valid() && work_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
}

std::optional<SaveOutcome> CheckpointSaver::Advance() {
  HEARTH_CHECK(in_flight());
  if (stage_ == Stage::kPreparing) {
    BeginWriting();
    if (!folder_.empty()) return std::nullopt;
  }
  std::optional<RankFailure> own_failure;
  if (work_.valid()) own_failure = work_.get();
  const std::optional<RankFailure> failure = AgreeOnFailure(communicator_, own_failure);
  if (failure || stage_ == Stage::kCommitting) return End(failure);
  GatherPieces();
  stage_ = Stage::kCommitting;
  if (communicator_.is_root()) RunInThread([this] { Commit(); });
  return std::nullopt;
}

void CheckpointSaver::GatherPieces() {
  EnterPhase(kSaveGatherPhase);
  manifest_.pieces.clear();
  for (const std::string& text : AllGatherText(communicator_, SerializePiece(piece_))) {
    manifest_.pieces.push_back(ParsePiece(text, folder_));
  }
}

SaveOutcome CheckpointSaver::End(std::optional<RankFailure> failure) {
  if (failure && communicator_.is_root() && !folder_.empty()) AbandonCheckpoint(folder_);
  if (failure) chain_.reset();  // the marks of changed rows were cleared for it
  stage_ = Stage::kIdle;
  arrays_.clear();
  SaveOutcome outcome = std::exchange(outcome_, {});
  outcome.path = BroadcastText(communicator_, outcome.path);
  outcome.size_bytes = manifest_.size_bytes();
  outcome.save_sec = SteadyNowSec() - begin_sec_;
  outcome.failure = std::move(failure);
  return outcome;
}

SaveOutcome CheckpointSaver::Finish() {
  while (true) {
    if (std::optional<SaveOutcome> outcome = Advance()) return *std::move(outcome);
  }
}

}  // namespace hearth

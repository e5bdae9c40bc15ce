#include "trainer/checkpoint_saver.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <utility>

#include <spdlog/spdlog.h>

#include "common/huge_pages.h"
#include "common/machine_memory.h"
#include "common/phase.h"
#include "storage/checkpoint/writer.h"

namespace hearth {
namespace {

constexpr double kShortestIntervalSec = 60.0;
constexpr int64_t kCacheLine = 64;

double NowSec() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int64_t BytesOf(const NamedArray& array) {
  const int64_t bytes = array.rows.size() * array.spec.row_bytes();
  return (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
}

}  // namespace

double BestSaveInterval(double cost_sec, double mtbf_sec) {
  return std::max(kShortestIntervalSec, std::sqrt(2.0 * cost_sec * mtbf_sec));
}

int64_t MostCopyBytes(int local_size) {
  return ReadMachineMemory().available / 4 / std::max(1, local_size);
}

CheckpointSaver::CheckpointSaver(Options options, Communicator& communicator)
    : options_(std::move(options)), communicator_(communicator) {}

CheckpointSaver::~CheckpointSaver() {
  if (thread_.joinable()) thread_.join();
}

void CheckpointSaver::Begin(CheckpointManifest manifest, std::vector<NamedArray> arrays,
                            std::vector<int64_t> pinned_steps) {
  HEARTH_CHECK(!in_flight(), "the save of step {} is in flight", manifest_.step);
  begin_sec_ = NowSec();
  manifest_ = std::move(manifest);
  pinned_steps_ = std::move(pinned_steps);
  outcome_ = {};
  outcome_.step = manifest_.step;
  folder_.clear();
  failure_.reset();
  if (communicator_.is_root()) {
    failure_ = Attempt([&] {
      folder_ = PrepareCheckpoint(options_.run_dir, manifest_.step, manifest_.run_id,
                                  options_.start_number);
    });
  }
  folder_ = BroadcastText(communicator_, folder_);
  stage_ = Stage::kWriting;
  if (!folder_.empty()) {
    if (Copy(arrays)) {
      RunInThread([this, arrays = std::move(arrays)] { Write(arrays); });
    } else {
      failure_ = Attempt([&] { Write(std::move(arrays)); });
    }
  }
  outcome_.stall_sec = NowSec() - begin_sec_;
}

bool CheckpointSaver::Copy(std::span<NamedArray> arrays) {
  int64_t bytes = 0;
  for (const NamedArray& array : arrays) bytes += BytesOf(array);
  if (bytes > options_.copy_bytes) return false;
  if (bytes > copy_capacity_) {
    copy_.reset();
    copy_.reset(new std::byte[static_cast<size_t>(bytes)]);
    copy_capacity_ = bytes;
    PreferHugePages(copy_.get(), bytes);
  }
  std::byte* to = copy_.get();
  for (NamedArray& array : arrays) {
    if (array.rows.size() == 0) continue;
    std::memcpy(to, array.data, static_cast<size_t>(array.rows.size() * array.spec.row_bytes()));
    array.data = to;
    to += BytesOf(array);
  }
  return true;
}

void CheckpointSaver::Write(std::vector<NamedArray> arrays) {
  PassBeside(Phase::kSaveWrite);
  part_ = WriteCheckpointPart(
      folder_, {manifest_.run_id, manifest_.step, communicator_.rank(), communicator_.world_size()},
      arrays);
}

// Rank 0.
void CheckpointSaver::Commit() {
  if (options_.require_run_dir) options_.require_run_dir();
  PassBeside(Phase::kSaveCommit);
  outcome_.path = CommitCheckpoint(options_.run_dir, folder_, manifest_);
  PassBeside(Phase::kSavePrune);
  const std::optional<RankFailure> not_pruned =
      Attempt([&] { PruneCheckpoints(options_.run_dir, options_.keep, pinned_steps_); });
  if (not_pruned) {
    spdlog::warn("step {} is saved, but older checkpoints stay: {}", manifest_.step,
                 not_pruned->message);
  }
}

void CheckpointSaver::RunInThread(std::function<void()> work) {
  busy_ = true;
  thread_ = std::thread([this, work = std::move(work)] {
    failure_ = Attempt(work);
    busy_ = false;
  });
}

std::optional<SaveOutcome> CheckpointSaver::Advance() {
  HEARTH_CHECK(in_flight());
  if (thread_.joinable()) thread_.join();
  const std::optional<RankFailure> failure = AgreeOnFailure(communicator_, failure_);
  if (failure || stage_ == Stage::kCommitting) return End(failure);
  EnterPhase(Phase::kSaveGather);
  manifest_.parts.clear();
  for (const std::string& text : AllGatherText(communicator_, SerializePart(part_))) {
    manifest_.parts.push_back(ParsePart(text, folder_));
  }
  stage_ = Stage::kCommitting;
  if (communicator_.is_root()) RunInThread([this] { Commit(); });
  return std::nullopt;
}

SaveOutcome CheckpointSaver::End(std::optional<RankFailure> failure) {
  if (failure && communicator_.is_root() && !folder_.empty()) AbandonCheckpoint(folder_);
  stage_ = Stage::kIdle;
  SaveOutcome outcome = std::exchange(outcome_, {});
  outcome.path = BroadcastText(communicator_, outcome.path);
  outcome.size_bytes = manifest_.size_bytes();
  outcome.save_sec = NowSec() - begin_sec_;
  outcome.failure = std::move(failure);
  return outcome;
}

SaveOutcome CheckpointSaver::Finish() {
  while (true) {
    if (std::optional<SaveOutcome> outcome = Advance()) return *std::move(outcome);
  }
}

}  // namespace hearth

#include "storage/run/run_lease.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/utc_time.h"
#include "storage/file/durable_file.h"
#include "storage/file/file_system.h"

namespace hearth {
namespace {

constexpr int64_t kMaxRecordBytes = 4096;

void Sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

LeaseOptions WithDefaults(LeaseOptions options) {
  if (!options.now_sec) options.now_sec = SteadyNowSec;
  if (!options.sleep_sec) options.sleep_sec = Sleep;
  options.job_id.resize(std::min<size_t>(options.job_id.size(), 64));
  return options;
}

bool Exists(const std::string& path) {
  struct stat status {};
  const int answer = FileSystem::Current().StatusOf(path, &status);
  if (answer < 0 && answer != -ENOENT) ThrowFileError("look at", path, -answer);
  return answer >= 0;
}

/// True when a process on this kernel still holds the lock, or one on another host, if the file
/// system reports that. A lock is visible across containers; a process number is not.
bool IsLocked(const std::string& path) {
  return FileDescriptor::OpenForReading(path, Links::kRefuse).IsLockedElsewhere();
}

/// "process 4711 on node3 (batch job 98), since 2026-03-01T09:30:00Z"
std::string Describe(const StartRecord& start) {
  return fmt::format("process {} on {}{}, since {}", start.process.pid, start.process.host,
                     start.job_id.empty() ? "" : fmt::format(" (batch job {})", start.job_id),
                     start.since);
}

/// Returns when the job of this start will write no more. Throws ConfigError when it lives.
void AwaitEndOf(const std::string& run_dir, int64_t number, const LeaseOptions& options) {
  const std::string path = StartPath(run_dir, number);
  std::string seen = ReadWholeFile(path, kMaxRecordBytes);
  bool has_logged = false;
  for (double since_sec = options.now_sec();; options.sleep_sec(options.beat_sec / 10.0)) {
    const std::string text = ReadWholeFile(path, kMaxRecordBytes);
    const std::optional<StartRecord> holder = ParseStart(text);
    if (holder && holder->state != StartRecord::State::kRunning) return;
    if (holder && IsGone(holder->process) && !IsLocked(path)) {
      spdlog::info("run.dir: {} was left by {}, which is gone", run_dir, Describe(*holder));
      return;
    }
    if (text != seen && holder) {
      throw ConfigError(
          "run.dir: {} is in use by another job: {}; wait for it to end, end it, or give another "
          "run.dir",
          run_dir, Describe(*holder));
    }
    if (text != seen) since_sec = options.now_sec();  // somebody is writing the record just now
    seen = text;
    const double still_sec = options.now_sec() - since_sec;
    const std::string who = holder ? Describe(*holder) : "a start that left no record";
    if (still_sec >= options.stale_sec) {
      spdlog::warn("run.dir: {} was held by {}, which showed no sign of life for {:.0f} s", run_dir,
                   who, options.stale_sec);
      return;
    }
    if (!has_logged && still_sec >= 2.0 * options.beat_sec) {
      has_logged = true;
      spdlog::info(
          "run.dir: {} is held by {}: taken over when it shows no sign of life for {:.0f} s",
          run_dir, who, options.stale_sec);
    }
  }
}

}  // namespace

RunLease::RunLease(const std::string& run_dir, LeaseOptions options)
    : run_dir_(run_dir), options_(WithDefaults(std::move(options))) {
  const std::string folder = FolderOf(StartPath(run_dir_, 1));
  const int made = FileSystem::Current().MakeFolder(folder, 0700);
  if (made < 0 && made != -EEXIST) ThrowFileError("make folder", folder, -made);
  if (made >= 0) SyncFolder(run_dir_);
  number_ = NewestStart(run_dir_);
  while (!file_.is_open()) {
    if (number_ > 0) AwaitEndOf(run_dir_, number_, options_);
    // The file is not open if another start was faster and now holds the folder.
    file_ = FileDescriptor::CreateIfAbsent(StartPath(run_dir_, ++number_), kPrivateFile);
  }
  // The lock is a second guard: if the file system has no locks, the beat alone decides.
  if (const int error_number = file_.TryLock(); error_number != 0) {
    spdlog::debug("no file lock on {}: {}", file_.path(), std::strerror(error_number));
  }
  record_ = {number_, ThisProcess(), options_.job_id, UtcNow()};
  Write();
  SyncFolder(folder);
}

RunLease::~RunLease() {
  try {
    End(StartRecord::State::kFailed);
  } catch (const Error& error) {
    spdlog::warn("the next start in {} has to wait for {:.0f} s: {}", run_dir_, options_.stale_sec,
                 error.what());
  }
}

void RunLease::Write() {
  const std::string text = SerializeStart(record_);
  file_.WriteAt(text.data(), std::ssize(text), 0);
  file_.SyncBytes();
}

bool RunLease::IsTaken() const { return Exists(StartPath(run_dir_, number_ + 1)); }

std::string RunLease::LostMessage() const {
  return fmt::format(
      "run.dir: {} was taken over by another job ({}) while this one showed no sign of life for "
      "{:.0f} s; this job ends and commits nothing more",
      run_dir_, StartPath(run_dir_, number_ + 1), options_.stale_sec);
}

void RunLease::RequireHeld() const {
  if (IsTaken()) throw CommError(LostMessage());
}

bool RunLease::Beat() {
  const std::lock_guard lock(mutex_);
  if (IsTaken()) return false;
  ++record_.beat;
  Write();
  return true;
}

void RunLease::StartBeating(std::function<void(const std::string&)> on_lost) {
  HEARTH_CHECK(!beating_.joinable());
  beating_ = std::thread([this, on_lost = std::move(on_lost)] {
    const std::chrono::duration<double> pause(options_.beat_sec);
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, pause, [this] { return stop_beating_; })) {
      lock.unlock();
      try {
        if (!Beat()) return on_lost(LostMessage());
      } catch (const Error& error) {  // a full disk may pass, else the job fails at its next save
        spdlog::warn("{}: {}; without it another start takes over after {:.0f} s", run_dir_,
                     error.what(), options_.stale_sec);
      }
      lock.lock();
    }
  });
}

void RunLease::StopBeating() {
  {
    const std::lock_guard lock(mutex_);
    stop_beating_ = true;
  }
  wake_.notify_all();
  if (beating_.joinable()) beating_.join();
}

void RunLease::RecordBegin(int64_t newest_step) {
  const std::lock_guard lock(mutex_);
  record_.began_after_step = newest_step;
  Write();
}

void RunLease::End(StartRecord::State state) {
  StopBeating();
  const std::lock_guard lock(mutex_);
  if (record_.state != StartRecord::State::kRunning) return;
  record_.state = state;
  Write();
}

}  // namespace hearth

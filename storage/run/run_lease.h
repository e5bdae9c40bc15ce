#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "storage/file/file_descriptor.h"
#include "storage/run/start_record.h"

namespace hearth {

struct LeaseOptions {
  std::string job_id;  ///< of the batch system, at most 64 characters are kept; may be empty
  /// Seconds between two beats of a holder.
  double beat_sec = 1.0;
  /// A holder on another host, or a stopped one, is taken for dead after so many seconds without a
  /// beat, by the clock of the start that waits.
  double stale_sec = 30.0;
  /// The clock of the start that waits, never wall time. Tests replace it.
  std::function<double()> now_sec;
  std::function<void(double)> sleep_sec;
};

/// The right of one job to write into a run folder.
///
/// Every start of a job makes RUN/starts/000001.json and so on, exclusively and without gaps: one
/// of the jobs that try for the same number wins, and the highest number holds the folder. A start
/// may try for the next number only when the holder has ended, is known to be dead (its process is
/// gone from this host and nobody holds its file lock), or shows no beat for `stale_sec`. A holder
/// that was taken for dead may wake up. It then finds the next number taken, and RequireHeld()
/// stops it before it can commit. Even a commit already past that check finds no files: the new
/// holder has removed the unfinished saves of the old one (storage/checkpoint/folder.h).
///
/// Rank 0 of a job uses this class. Thread safe.
class RunLease {
 public:
  /// Takes the folder, which must exist. If another job seems to hold it, waits for a beat: about
  /// beat_sec when there is one, stale_sec when there is none. Throws ConfigError naming the
  /// holder; StorageError or PermissionError when the folder cannot be written to.
  explicit RunLease(const std::string& run_dir, LeaseOptions options = {});
  /// Calls End(kFailed) unless the lease has ended. Ignores errors: the next start then has to wait
  /// for the beat.
  ~RunLease();
  RunLease(const RunLease&) = delete;
  RunLease& operator=(const RunLease&) = delete;

  /// The number of this start, higher than the number of any earlier holder.
  int64_t number() const { return number_; }

  /// Starts a thread that shows that the job lives. When another job has taken the folder, the
  /// thread calls `on_lost` once with a message. `on_lost` must not destroy the lease.
  void StartBeating(std::function<void(const std::string&)> on_lost);
  /// Writes one beat, like that thread. False when another job has taken the folder.
  bool Beat();

  /// Call this right before making anything visible in the folder. Throws CommError when another
  /// job has taken the folder; a CommError ends the job and leaves no trace in the folder.
  void RequireHeld() const;

  /// Records that training begins. `newest_step` is the newest committed step, 0 when there is
  /// none.
  void RecordBegin(int64_t newest_step);
  /// Records that the job will write no more: the next start need not wait.
  void End(StartRecord::State state);

 private:
  bool IsTaken() const;
  std::string LostMessage() const;
  void Write();
  void StopBeating();

  const std::string run_dir_;
  const LeaseOptions options_;
  int64_t number_ = 0;
  FileDescriptor file_;  // this start's record, locked

  std::mutex mutex_;  // guards the members below
  StartRecord record_;
  bool stop_beating_ = false;
  std::condition_variable wake_;
  std::thread beating_;
};

}  // namespace hearth

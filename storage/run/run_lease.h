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
  /// A holder writes a new beat this often, seconds.
  double beat_sec = 1.0;
  /// A holder of another host, or one that is stopped, whose beat stood still for this long on the
  /// clock of the one who waits is taken for dead, seconds.
  double stale_sec = 30.0;
  /// Time as the waiting start sees it; tests put their own here. Never wall time.
  std::function<double()> now_sec;
  std::function<void(double)> sleep_sec;
};

/// The right of one job to write into a run folder.
///
/// Every start of a job makes RUN/starts/000001.json and so on, exclusively and without gaps: of
/// all that try for the same number one wins, and the highest number holds the folder. A start may
/// try for the next number only once the holder has ended, is known to be dead (its process is gone
/// from this host and nobody holds its file lock), or shows no beat for `stale_sec`. A holder that
/// was taken for dead and wakes up finds the next number taken: RequireHeld() stops it before it
/// can commit, and the new holder has taken away what the old one had not committed
/// (storage/checkpoint/folder.h), so that even a commit already past that check finds nothing.
///
/// Rank 0 of a job. Thread safe.
class RunLease {
 public:
  /// Takes the folder, which must exist. While somebody seems to hold it, waits for a beat: about
  /// beat_sec when there is one, stale_sec when there is none. Throws ConfigError naming the
  /// holder; StorageError or PermissionError when the folder cannot be written to.
  explicit RunLease(const std::string& run_dir, LeaseOptions options = {});
  /// As End(kFailed) unless ended; errors are dropped, the next start then waits for the beat.
  ~RunLease();
  RunLease(const RunLease&) = delete;
  RunLease& operator=(const RunLease&) = delete;

  /// The number of this start: higher than that of every earlier holder.
  int64_t number() const { return number_; }

  /// Shows from now on, in a thread of its own, that the job lives. `on_lost` is called there, once
  /// and with a message, when another job has taken the folder; it must not destroy the lease.
  void StartBeating(std::function<void(const std::string&)> on_lost);
  /// One beat, as that thread does it. False when the folder was taken by another job.
  bool Beat();

  /// Right before anything is made visible in the folder. Throws CommError, by which a job ends
  /// without a trace, when another job has taken the folder.
  void RequireHeld() const;

  /// Training begins; `newest_step` is the newest committed one, 0 when there is none.
  void RecordBegin(int64_t newest_step);
  /// The job writes nothing any more: the next start need not wait.
  void End(StartRecord::State state);

 private:
  bool IsTaken() const;
  std::string LostMessage() const;
  void Write();
  void StopBeating();

  const std::string run_dir_;
  const LeaseOptions options_;
  int64_t number_ = 0;
  FileDescriptor file_;  // this start's record, with the lock on it

  std::mutex mutex_;  // of what follows
  StartRecord record_;
  bool stop_beating_ = false;
  std::condition_variable wake_;
  std::thread beating_;
};

}  // namespace hearth

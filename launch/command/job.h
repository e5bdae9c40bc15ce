#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>

#include "cluster/communicator.h"
#include "cluster/mpi_session.h"
#include "common/error.h"

namespace hearth {

/// What a command ends with when it throws: an exit code and one message.
struct Failure {
  int code = 0;
  std::string message;  ///< with its "hearth: error: ", ready to print
};

/// Every exception a command can end with, as a failure. Rethrows nothing.
Failure FailureOf(std::exception_ptr exception);

/// The processes that run one command: this one alone, or the ranks of an MPI launch.
///
/// Only one process speaks. Until StartTogether() the ranks agree on how to end: an error that all
/// of them have is printed once, one that only some have is printed with rank and host, and all end
/// with its code. Afterwards a rank that fails cannot ask the others; it leaves exit.json in the
/// run folder (the first one to do so speaks) and ends the job.
class Job {
 public:
  /// Collective when started by MPI. Throws what MpiSession throws.
  Job(int* argc, char*** argv);
  ~Job();

  int rank() const { return session_ ? session_->world_rank() : 0; }
  int world_size() const { return session_ ? session_->world_size() : 1; }
  /// Rank among the ranks of this host: picks the GPU.
  int local_rank() const { return session_ ? session_->local_rank() : 0; }
  int local_size() const { return session_ ? session_->local_size() : 1; }
  bool is_root() const { return rank() == 0; }
  bool launched_by_mpi() const { return session_.has_value(); }
  /// The process that started this rank, mpirun or a daemon of it; 0 without MPI.
  pid_t launcher() const { return session_ ? launcher_ : 0; }

  /// A communicator over all ranks. Collective.
  std::unique_ptr<Communicator> MakeCommunicator(const CommunicatorOptions& options) const;

  /// Where exit.json goes. An older one there is removed (rank 0).
  void SetRunFolder(const std::string& folder);
  /// The run folder belongs to another job now: this one leaves no exit.json there. Any thread.
  void LoseRunFolder();

  /// Runs `body` (a command) to its exit code, whatever it throws. Collective.
  int Run(const std::function<int(Job&)>& body);

  /// Every rank got this far without an error; from here on collectives are in use.
  /// Collective. Does not return on any rank when some rank failed: it throws what Run() expects.
  void StartTogether();

  /// Says why on this rank, leaves exit.json and ends the process, whatever its threads wait for;
  /// the launcher ends the other ranks. Any thread.
  [[noreturn]] void EndAtOnce(ExitCode code, const std::string& message);

 private:
  struct PeerFailed {
    int code;
  };

  /// The exit code of all ranks when some rank failed, the lowest one's; nothing when none did.
  /// Rank 0 prints why. Collective.
  std::optional<int> AgreeOnExitCode(const std::optional<Failure>& own);
  [[noreturn]] void FailAlone(const Failure& failure) const;
  /// Whether this rank is the one to speak: the first that left exit.json.
  bool LeaveExitFile(const Failure& failure) const;

  pid_t launcher_ = 0;
  std::optional<MpiSession> session_;
  std::string run_folder_;
  std::atomic<bool> owns_run_folder_ = false;
  bool started_ = false;
};

}  // namespace hearth

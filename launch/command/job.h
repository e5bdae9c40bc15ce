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

/// The end of a command that throws: an exit code and one message.
struct Failure {
  int code = 0;
  std::string message;  ///< with its "hearth: error: ", ready to print
};

/// Turns every exception that a command can end with into a failure. Rethrows nothing.
Failure FailureOf(std::exception_ptr exception);

/// The processes that run one command: this one alone, or the ranks of an MPI launch.
///
/// One process alone prints an error. Before StartTogether() the ranks agree on how to end: an
/// error of all ranks is printed once, an error of some ranks is printed with rank and host, and
/// all ranks end with its code. Afterwards a rank that fails cannot ask the others. It leaves
/// exit.json in the run folder (the first rank to do so prints its error) and ends the job.
class Job {
 public:
  /// Collective when started by MPI. Throws the errors of MpiSession.
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

  /// Sets the folder that exit.json goes to. Rank 0 removes an older exit.json there.
  void SetRunFolder(const std::string& folder);
  /// The run folder belongs to another job now: this one leaves no exit.json there. Any thread may
  /// call.
  void LoseRunFolder();

  /// Runs `body` (a command) and returns its exit code, also when it throws. Collective.
  int Run(const std::function<int(Job&)>& body);

  /// Tells the others that this rank got here without an error, and waits for them. Collectives are
  /// in use from here on.
  /// Collective. If some rank failed, this returns on no rank: it throws the exception that Run()
  /// expects.
  void StartTogether();

  /// Prints the message on this rank, leaves exit.json and ends the process, even while its threads
  /// wait. The launcher ends the other ranks. Any thread may call.
  [[noreturn]] void EndAtOnce(ExitCode code, const std::string& message);

 private:
  struct PeerFailed {
    int code;
  };

  /// The exit code of the lowest rank that failed, for all ranks; nothing when no rank failed. Rank
  /// 0 prints the message. Collective.
  std::optional<int> AgreeOnExitCode(const std::optional<Failure>& own);
  [[noreturn]] void FailAlone(const Failure& failure) const;
  /// Leaves exit.json. True when this rank should print its error: no other rank left the file
  /// first.
  bool LeaveExitFile(const Failure& failure) const;

  pid_t launcher_ = 0;
  std::optional<MpiSession> session_;
  std::string run_folder_;
  std::atomic<bool> owns_run_folder_ = false;
  bool started_ = false;
};

}  // namespace hearth

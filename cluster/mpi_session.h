#pragma once

#include <memory>
#include <string>

#include "cluster/communicator.h"

namespace hearth {

/// Runs MPI from start to end of a process. A process makes one session, first in main, and
/// destroys its communicators before the session. Any thread may use them, one thread at a time.
///
/// The destructor ends MPI together with the other ranks, so it works only if all ranks succeed.
/// After an exception the caller must call Abort; a session destroyed by an exception does not
/// touch MPI.
class MpiSession {
 public:
  /// Collective: all ranks must call. Throws CommError when MPI cannot start and UsageError when
  /// the launcher started several ranks that do not know of each other.
  MpiSession(int* argc, char*** argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  /// Returns true if mpirun, or srun with PMIx, started this process as a rank. A plain start needs
  /// no session and uses SelfCommunicator. Throws UsageError naming the remedy when srun without
  /// PMIx, or the launcher of another MPI library, started several processes: they cannot find each
  /// other, and each would believe to be alone.
  static bool LaunchedByMpi();
  /// Returns the number of this process among the processes of its launcher, 0 without a launcher.
  /// It lets one process report for all when they cannot find each other.
  static int64_t RankByLauncher();

  int world_rank() const { return world_rank_; }
  int world_size() const { return world_size_; }
  /// Return the rank, and the number of ranks, on this host.
  int local_rank() const { return local_rank_; }
  int local_size() const { return local_size_; }

  /// Makes a communicator over all ranks. Collective: all ranks must call.
  std::unique_ptr<Communicator> MakeCommunicator(const CommunicatorOptions& options = {}) const;

  /// Returns the version of the library in use, "Open MPI v4.1.4".
  static std::string LibraryVersion();

  /// Ends every rank of the job at once, with this exit code.
  [[noreturn]] static void Abort(int code);

 private:
  int exceptions_at_start_;
  int world_rank_ = 0, world_size_ = 1;
  int local_rank_ = 0, local_size_ = 1;
};

}  // namespace hearth

#pragma once

#include <memory>
#include <string>

#include "cluster/communicator.h"

namespace hearth {

/// MPI from start to end of a process. One per process, made first in main; communicators must be
/// gone before it. Communicators may be used from any thread, one thread at a time.
///
/// The destructor ends MPI in agreement with the other ranks, so it is for the way of success:
/// after an exception the caller says Abort, and a session destroyed by an exception leaves MPI
/// alone.
class MpiSession {
 public:
  /// Collective: all ranks must call. Throws CommError when MPI cannot start and UsageError when
  /// the launcher started several ranks that do not know of each other.
  MpiSession(int* argc, char*** argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  /// Whether this process was started as a rank, by mpirun or by srun with PMIx. A plain start
  /// needs no session and uses SelfCommunicator. Throws UsageError naming the remedy when several
  /// processes were started that cannot find each other, each of which would believe it were alone:
  /// by srun without PMIx, or by the launcher of another MPI library.
  static bool LaunchedByMpi();
  /// This process's number among those of its launcher, 0 when there is none: of processes that
  /// cannot find each other, one should speak.
  static int64_t RankByLauncher();

  int world_rank() const { return world_rank_; }
  int world_size() const { return world_size_; }
  /// Rank and number of ranks on this host.
  int local_rank() const { return local_rank_; }
  int local_size() const { return local_size_; }

  /// A communicator over all ranks. Collective: all ranks must call.
  std::unique_ptr<Communicator> MakeCommunicator(const CommunicatorOptions& options = {}) const;

  /// "Open MPI v4.1.4". Of the library in use, whoever built this program.
  static std::string LibraryVersion();

  /// Ends every rank of the job at once, with this exit code.
  [[noreturn]] static void Abort(int code);

 private:
  int exceptions_at_start_;
  int world_rank_ = 0, world_size_ = 1;
  int local_rank_ = 0, local_size_ = 1;
};

}  // namespace hearth

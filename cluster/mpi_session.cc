#include "cluster/mpi_session.h"

#include <array>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <string>
#include <string_view>

#include <mpi.h>

#include "cluster/mpi_communicator.h"
#include "cluster/mpi_error.h"
#include "common/error.h"
#include "common/text.h"

namespace hearth {
namespace {

constexpr const char* kRemedy =
    "start with the mpirun of that library, or with `srun --mpi=pmix hearth ...`";

bool HasVariable(const char* name) { return std::getenv(name) != nullptr; }

// True if the MPI of this build starts under the launchers of MPICH's family, such as
// srun --mpi=pmi2. Open MPI needs PMIx.
#ifdef OPEN_MPI
constexpr bool kSpeaksPmi = false;
#else
constexpr bool kSpeaksPmi = true;
#endif

// Returns the number in the first of these variables that is set, or `otherwise`.
int64_t FirstNumber(std::initializer_list<const char*> names, int64_t otherwise) {
  for (const char* name : names) {
    const char* text = std::getenv(name);
    int64_t number = 0;
    if (text != nullptr && ParseInt64(text, &number)) return number;
  }
  return otherwise;
}

// Counts the processes that the launcher started, this process included. The variables of mpirun
// come first, since under mpirun the srun step is the step of mpirun's own daemons.
int64_t LauncherSize() {
  return FirstNumber({"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}, 1);
}

}  // namespace

bool MpiSession::LaunchedByMpi() {
  // Open MPI's mpirun sets the first variable, and any PMIx launcher the second.
  if (HasVariable("OMPI_COMM_WORLD_SIZE") || HasVariable("PMIX_RANK")) return true;
  const bool by_pmi = HasVariable("PMI_RANK");  // launchers of MPICH's family set this
  if (by_pmi && kSpeaksPmi) return true;
  if (LauncherSize() <= 1) return false;
  const bool by_srun = HasVariable("SLURM_STEP_NUM_TASKS");
  throw UsageError(
      "{} started {} processes {}, so they cannot find each other: hearth was built with {}; {}",
      by_srun ? "srun" : "mpirun", LauncherSize(),
      by_srun ? "without PMIx" : "for another MPI library", LibraryVersion(), kRemedy);
}

int64_t MpiSession::RankByLauncher() {
  return FirstNumber({"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}, 0);
}

MpiSession::MpiSession(int* argc, char*** argv) : exceptions_at_start_(std::uncaught_exceptions()) {
  int provided = 0;
  CheckMpi(MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &provided), "MPI start");
  if (provided < MPI_THREAD_SERIALIZED) {
    throw CommError(
        "MPI start: this MPI library has no thread support (level {}); use one that "
        "offers MPI_THREAD_SERIALIZED",
        provided);
  }
  CheckMpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI start");
  CheckMpi(MPI_Comm_rank(MPI_COMM_WORLD, &world_rank_), "MPI start");
  CheckMpi(MPI_Comm_size(MPI_COMM_WORLD, &world_size_), "MPI start");
  if (world_size_ == 1 && LauncherSize() > 1) {
    throw UsageError(
        "the launcher started {} processes, and MPI sees only one: it belongs to another MPI "
        "library than {}, which hearth was built with; {}",
        LauncherSize(), LibraryVersion(), kRemedy);
  }

  MPI_Comm host = MPI_COMM_NULL;
  CheckMpi(
      MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, world_rank_, MPI_INFO_NULL, &host),
      "MPI start");
  CheckMpi(MPI_Comm_rank(host, &local_rank_), "MPI start");
  CheckMpi(MPI_Comm_size(host, &local_size_), "MPI start");
  CheckMpi(MPI_Comm_free(&host), "MPI start");
}

MpiSession::~MpiSession() {
  if (std::uncaught_exceptions() == exceptions_at_start_) MPI_Finalize();
}

std::unique_ptr<Communicator> MpiSession::MakeCommunicator(
    const CommunicatorOptions& options) const {
  return MakeMpiCommunicator({.base = options});
}

std::string MpiSession::LibraryVersion() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  const std::string_view version(text.data(), length);
  return std::string(version.substr(0, version.find_first_of(",\n")));
}

void MpiSession::Abort(int code) {
  MPI_Abort(MPI_COMM_WORLD, code);
  std::_Exit(code);
}

}  // namespace hearth

#include "cluster/mpi_session.h"

#include <array>
#include <cstdlib>
#include <exception>
#include <string_view>

#include <mpi.h>

#include "cluster/mpi_communicator.h"
#include "cluster/mpi_error.h"
#include "common/error.h"
#include "common/text.h"

namespace hearth {
namespace {

constexpr const char* kRemedy =
    "start with `srun --mpi=pmix hearth ...` or with `mpirun hearth ...` inside the allocation";

bool HasVariable(const char* name) { return std::getenv(name) != nullptr; }

// Tasks of the srun step this process belongs to; 0 outside of one.
int64_t SlurmStepTasks() {
  const char* text = std::getenv("SLURM_STEP_NUM_TASKS");
  int64_t tasks = 0;
  return text != nullptr && ParseInt64(text, &tasks) ? tasks : 0;
}

}  // namespace

bool MpiSession::LaunchedByMpi() {
  // Set by Open MPI's mpirun, by any PMIx launcher, and by the launchers of MPICH's family.
  constexpr std::array kVariables = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"};
  for (const char* name : kVariables) {
    if (HasVariable(name)) return true;
  }
  if (SlurmStepTasks() > 1) {
    throw UsageError("srun started {} tasks without PMIx, so they cannot find each other; {}",
                     SlurmStepTasks(), kRemedy);
  }
  return false;
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
  if (world_size_ == 1 && SlurmStepTasks() > 1 && !HasVariable("OMPI_COMM_WORLD_SIZE")) {
    throw UsageError("srun started {} tasks, but MPI sees only one; {}", SlurmStepTasks(), kRemedy);
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
  const std::string_view version(text.data(), static_cast<size_t>(length));
  return std::string(version.substr(0, version.find_first_of(",\n")));
}

void MpiSession::Abort(int code) {
  MPI_Abort(MPI_COMM_WORLD, code);
  std::_Exit(code);
}

}  // namespace hearth

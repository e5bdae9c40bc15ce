#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hearth {

/// Ranks on this host, or on the hosts of a file.
struct MpirunJob {
  int64_t ranks = 1;
  int64_t cpus = 1;      ///< hardware threads that this process may run on
  std::string hostfile;  ///< "": this host alone
  /// Names of environment variables that ranks on other hosts need as well.
  std::vector<std::string> passed_on;
};

/// The mpirun line (of Open MPI 4) that starts `command` on every rank. Ranks of this host get
/// equal shares of its hardware threads, and no two ranks share one. If there are more ranks than
/// hardware threads, or if a file names the hosts, so that their hardware is not known here, ranks
/// are not bound, and `hearth train` divides the hardware threads of a host among its ranks. A rank
/// that waits lets others run. A machine without a batch system rarely belongs to one user, and
/// ranks that spin there make each other wait for whole time slices.
std::vector<std::string> MpirunWords(const MpirunJob& job, const std::vector<std::string>& command);

}  // namespace hearth

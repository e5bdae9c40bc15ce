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
/// equal shares of its hardware threads, none shared; where there are more ranks than hardware
/// threads, or hosts whose hardware is not known here, they are not bound, and `hearth train`
/// shares the hardware threads of a host among its ranks. A rank that waits lets others run: a
/// machine without a batch system is rarely one's own, and ranks that spin make each other wait for
/// whole time slices there.
std::vector<std::string> MpirunWords(const MpirunJob& job, const std::vector<std::string>& command);

}  // namespace hearth

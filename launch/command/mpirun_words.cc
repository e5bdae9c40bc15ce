#include "launch/command/mpirun_words.h"

#include <fmt/format.h>

namespace hearth {

std::vector<std::string> MpirunWords(const MpirunJob& job,
                                     const std::vector<std::string>& command) {
  std::vector<std::string> words = {"mpirun", "-np", std::to_string(job.ranks)};
  const auto add = [&words](const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
  };
  if (!job.hostfile.empty()) {
    add({"--hostfile", job.hostfile, "--bind-to", "none"});
    for (const std::string& name : job.passed_on) add({"-x", name});
  } else if (job.ranks <= job.cpus) {
    add({"--use-hwthread-cpus", "--map-by", fmt::format("slot:PE={}", job.cpus / job.ranks),
         "--bind-to", "hwthread"});
  } else {
    add({"--oversubscribe", "--bind-to", "none"});
  }
  add({"--mca", "mpi_yield_when_idle", "1"});
  add(command);
  return words;
}

}  // namespace hearth

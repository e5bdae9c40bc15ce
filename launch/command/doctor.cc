#include <cstdio>

#include "launch/command/command_line.h"
#include "launch/command/commands.h"
#include "launch/report/machine.h"

namespace hearth {

void AddDoctor(CLI::App* parent, Invocation* invocation) {
  CLI::App* app = parent->add_subcommand(
      "doctor", "look at this machine: libraries, CPU, memory, GPUs, limits");
  OnChosen(
      app, invocation,
      [](Job& job) {
        if (!job.is_root()) return 0;
        std::printf("%s\n", VersionText().c_str());
        for (const Finding& finding : ExamineMachine()) {
          std::printf("  %-10s %s\n", finding.topic.c_str(), finding.text.c_str());
          if (!finding.hint.empty()) std::printf("  %-10s -> %s\n", "", finding.hint.c_str());
        }
        std::printf("  %-10s %s\n", "ranks",
                    job.launched_by_mpi()
                        ? std::to_string(job.world_size()).append(" by MPI").c_str()
                        : "1, started without mpirun");
        return 0;
      },
      /*on_all_ranks=*/true);
}

}  // namespace hearth

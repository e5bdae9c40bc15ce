#include <cstdio>
#include <memory>

#include "common/error.h"
#include "launch/command/command_line.h"
#include "launch/command/commands.h"
#include "launch/command/options.h"
#include "launch/report/machine.h"
#include "launch/report/rank_check.h"

namespace hearth {

namespace {

struct Options {
  bool mpi = false;
  std::string folder = ".";
};

void Print(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    std::printf("  %-10s %s\n", finding.topic.c_str(), finding.text.c_str());
    if (!finding.hint.empty()) std::printf("  %-10s -> %s\n", "", finding.hint.c_str());
  }
}

int Run(const Options& options, Job& job) {
  if (job.is_root()) {
    std::printf("%s\n", VersionText().c_str());
    Print(ExamineMachine());
  }
  if (!options.mpi) {
    std::string ranks = "1, started without mpirun";
    if (job.launched_by_mpi()) ranks = std::to_string(job.world_size()) + " by MPI";
    if (job.is_root()) std::printf("  %-10s %s\n", "ranks", ranks.c_str());
    return 0;
  }
  if (!job.launched_by_mpi()) {
    throw UsageError("doctor --mpi compares ranks: start it as 'mpirun -np N hearth doctor --mpi'");
  }
  job.StartTogether();
  const auto communicator = job.MakeCommunicator({.deadline_sec = 60});
  const std::vector<Finding> findings = CompareRanks(*communicator, options.folder);
  if (job.is_root()) {
    std::printf("over all ranks\n");
    Print(findings);
  }
  for (const Finding& finding : findings) {
    if (!finding.hint.empty()) return static_cast<int>(ExitCode::kConfig);
  }
  return 0;
}

}  // namespace

void AddDoctor(CLI::App* parent, Invocation* invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent->add_subcommand(
      "doctor", "examine this machine: libraries, CPU, memory, GPUs, limits");
  app->add_flag("--mpi", options->mpi,
                "also compare the ranks of an mpirun: builds, devices, shared memory, storage, "
                "clocks; ends with code 78 when something differs");
  AddText(app, "--folder", &options->folder, "with --mpi: a folder that all hosts should share");
  OnChosen(
      app, invocation, [options](Job& job) { return Run(*options, job); }, /*on_all_ranks=*/true);
}

}  // namespace hearth

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "common/error.h"
#include "common/shell_text.h"
#include "common/usable_cores.h"
#include "launch/command/commands.h"
#include "launch/command/config_arguments.h"
#include "launch/command/mpirun_words.h"
#include "launch/command/options.h"
#include "launch/command/programs.h"
#include "launch/command/train_config.h"

namespace hearth {
namespace {

struct LocalOptions {
  ConfigRequest request;
  int64_t ranks = 0;
  std::string hostfile;
  bool print = false;
};

/// Names of the variables that say how to find libraries, and of NCCL's settings. mpirun does not
/// pass them to other hosts by itself.
std::vector<std::string> VariablesToPassOn() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    if (variable.starts_with("NCCL_") || variable.starts_with("LD_LIBRARY_PATH=")) {
      names.emplace_back(variable.substr(0, variable.find('=')));
    }
  }
  return names;
}

std::vector<std::string> TrainWords(const ConfigRequest& request) {
  std::vector<std::string> words = {std::filesystem::read_symlink("/proc/self/exe"), "train"};
  for (const std::string& file : request.files) words.insert(words.end(), {"-c", file});
  words.insert(words.end(), request.overrides.begin(), request.overrides.end());
  return words;
}

void RequireMpirunAllowed() {
  if (geteuid() != 0) return;
  for (const char* name : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"}) {
    if (std::getenv(name) != nullptr) continue;
    throw UsageError(
        "mpirun refuses to run as root; use another user, or, in a container, set {}=1 (both "
        "OMPI_ALLOW_RUN_AS_ROOT and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM are needed)",
        name);
  }
}

int LaunchLocal(const LocalOptions& options) {
  RequireTrainingKeys(LoadTrainingConfig(options.request, "auto").config);
  MpirunJob job{options.ranks, UsableCores(), options.hostfile, {}};
  if (!job.hostfile.empty()) {
    if (access(job.hostfile.c_str(), R_OK) != 0) {
      throw UsageError("--hostfile: {} cannot be read", job.hostfile);
    }
    job.passed_on = VariablesToPassOn();
  } else if (job.ranks > job.cpus) {
    spdlog::warn("{} ranks share {} CPUs of this machine: good for a try, not for speed", job.ranks,
                 job.cpus);
  }
  const std::vector<std::string> words = MpirunWords(job, TrainWords(options.request));
  if (options.print) {
    std::printf("%s\n", ShellLine(words).c_str());
    return 0;
  }
  RequireMpirunAllowed();
  return RunMpirun(words, "install Open MPI (openmpi-bin), or load the module it is in");
}

}  // namespace

void AddLaunchLocal(CLI::App* parent, Invocation* invocation) {
  auto options = std::make_shared<LocalOptions>();
  CLI::App* app =
      parent->add_subcommand("local", "train with mpirun, here or on the hosts of a file");
  AddConfigArguments(app, &options->request);
  AddInt(app, "--ranks", &options->ranks, AtLeast(1), "MPI workers")->required();
  AddText(app, "--hostfile", &options->hostfile,
          "Open MPI's file of hosts, lines HOST slots=RANKS; default: this host")
      ->type_name("FILE");
  app->add_flag("--print", options->print, "print the mpirun line instead of running it");
  OnChosen(app, invocation, [options](Job&) { return LaunchLocal(*options); });
}

}  // namespace hearth

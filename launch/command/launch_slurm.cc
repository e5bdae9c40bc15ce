#include <cstdio>
#include <filesystem>
#include <memory>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "common/error.h"
#include "common/text.h"
#include "launch/command/commands.h"
#include "launch/command/config_arguments.h"
#include "launch/command/options.h"
#include "launch/command/programs.h"
#include "launch/command/train_config.h"
#include "launch/slurm/batch_script.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

struct SlurmOptions {
  ConfigRequest request;
  BatchJob job;
  std::string launcher = "mpirun";
  bool print = false;
};

/// Completes the job from the configuration. Refuses a job that would fail at its start.
void CompleteJob(const ConfigRequest& request, BatchJob* job) {
  if (request.files.empty()) throw UsageError("hearth launch slurm: -c FILE is required");
  const Config config = LoadConfig(request).config;
  RequireTrainingKeys(config);
  if (config.checkpoint.resume != "auto") {
    throw UsageError(
        "checkpoint.resume is {}, and a job that requeues itself goes on from its newest "
        "checkpoint; leave checkpoint.resume at auto, or start with `hearth train`",
        config.checkpoint.resume);
  }
  if (!job->site_env.empty()) {
    if (access(job->site_env.c_str(), R_OK) != 0) {
      throw UsageError("--site-env: {} cannot be read", job->site_env);
    }
    job->site_env = fs::absolute(job->site_env).string();
  }
  job->folder = fs::current_path().string();
  job->hearth = fs::read_symlink("/proc/self/exe").string();
  job->config = request.files.front();
  job->run_dir = fs::absolute(config.run.dir).string();
  for (size_t i = 1; i < request.files.size(); ++i) {
    job->words.insert(job->words.end(), {"-c", request.files[i]});
  }
  for (const std::string& text : request.overrides) {
    const std::string key = ParseOverride(text).key;
    if (key != "run.dir" && key != "checkpoint.resume") job->words.push_back(text);
  }
}

int LaunchSlurm(SlurmOptions& options) {
  CompleteJob(options.request, &options.job);
  const auto launcher = options.launcher == "srun" ? SlurmLauncher::kSrun : SlurmLauncher::kMpirun;
  const std::string script = BatchScript(ShippedScript(launcher), options.job);
  if (options.print) {
    std::fputs(script.c_str(), stdout);
    return 0;
  }
  const std::string answer = OutputOfProgram(
      {"sbatch", "--parsable"}, script,
      "run this where jobs are submitted (a login node), or take the script with --print");
  // JOB, or JOB;CLUSTER
  const std::string id(Trim(std::string_view(answer).substr(0, answer.find(';'))));
  std::printf("%s\n", id.c_str());
  spdlog::info("submitted; squeue --job {} shows the job, hearth-{}.out holds its output", id, id);
  return 0;
}

}  // namespace

void AddLaunchSlurm(CLI::App* parent, Invocation* invocation) {
  auto options = std::make_shared<SlurmOptions>();
  BatchJob& job = options->job;
  CLI::App* app = parent->add_subcommand(
      "slurm", "train in a Slurm job that requeues itself until the run is done");
  AddConfigArguments(app, &options->request);
  AddInt(app, "--nodes", &job.nodes, AtLeast(1), "hosts");
  AddInt(app, "--ntasks-per-node", &job.ntasks_per_node, AtLeast(1), "MPI workers on each host");
  AddInt(app, "--cpus-per-task", &job.cpus_per_task, AtLeast(1), "CPUs of each MPI worker");
  AddInt(app, "--gpus-per-node", &job.gpus_per_node, AtLeast(0), "GPUs of each host, 0: none");
  AddText(app, "--time", &job.time, "time limit of one start, in Slurm's notation");
  AddText(app, "--partition", &job.partition, "partition; default: the cluster's default");
  AddText(app, "--account", &job.account, "account; default: the user's default");
  app->add_option("--sbatch", job.more, "any further option of sbatch: --sbatch=--qos=long")
      ->type_name("OPTION")
      ->allow_extra_args(false);
  AddName(app, "--launcher", &options->launcher, {"mpirun", "srun"},
          "program that starts the MPI workers");
  AddText(app, "--site-env", &job.site_env, "file the job sources first; see site.env.example")
      ->type_name("FILE");
  AddInt(app, "--max-restarts", &job.max_restarts, AtLeast(0),
         "how often the job may requeue itself");
  app->add_flag("--print", options->print, "print the batch script instead of submitting it");
  OnChosen(app, invocation, [options](Job&) { return LaunchSlurm(*options); });
}

}  // namespace hearth

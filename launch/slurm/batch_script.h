#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

/// The command that starts the ranks inside an allocation.
enum class SlurmLauncher { kMpirun, kSrun };

/// Returns launch/slurm/train.sbatch or train-srun.sbatch. The build put them into the program.
std::string_view ShippedScript(SlurmLauncher launcher);

/// One training job: the options of sbatch, and then the values of the script.
struct BatchJob {
  int64_t nodes = 1;
  int64_t ntasks_per_node = 1;  ///< ranks per node
  int64_t cpus_per_task = 1;
  int64_t gpus_per_node = 0;       ///< 0: the job asks for no GPUs
  std::string time = "24:00:00";   ///< the time limit, in Slurm's notation
  std::string partition, account;  ///< "": the cluster's default
  std::vector<std::string> more;   ///< further options, "--qos=long"; they win over the others
  std::string folder;              ///< the working folder of the job; relative paths start here

  std::string hearth;    ///< the absolute path of the command
  std::string config;    ///< the first configuration file
  std::string run_dir;   ///< an absolute path
  std::string site_env;  ///< "": no such file
  int64_t max_restarts = 20;
  std::vector<std::string> words;  ///< further arguments of `hearth train`
};

/// Returns the seconds of a time limit. It accepts all forms of Slurm: M, M:S, H:M:S, D-H, D-H:M,
/// D-H:M:S. Throws UsageError, which names the forms.
int64_t ParseSlurmTime(std::string_view text);

/// Puts the values of one job into the script `shipped`. The job's options replace #SBATCH lines or
/// are added to them, and the script sets its variables itself. sbatch then needs no environment
/// and no arguments. Throws UsageError if the time limit leaves no time to train before the job is
/// asked to save, if an element of `more` is not an option, and if a value does not fit on one
/// line.
std::string BatchScript(std::string_view shipped, const BatchJob& job);

}  // namespace hearth

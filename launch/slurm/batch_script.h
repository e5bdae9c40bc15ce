#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

/// Who starts the ranks inside an allocation.
enum class SlurmLauncher { kMpirun, kSrun };

/// launch/slurm/train.sbatch or train-srun.sbatch, as they were when this program was built.
std::string_view ShippedScript(SlurmLauncher launcher);

/// One training job: what is asked of Slurm, and what the script needs to know.
struct BatchJob {
  int64_t nodes = 1;
  int64_t ntasks_per_node = 1;  ///< ranks
  int64_t cpus_per_task = 1;
  int64_t gpus_per_node = 0;       ///< 0: none are asked for
  std::string time = "24:00:00";   ///< limit, in Slurm's notation
  std::string partition, account;  ///< "": the cluster's default
  std::vector<std::string> more;   ///< further options, "--qos=long"; they win over the others
  std::string folder;              ///< where the job runs: what relative paths refer to

  std::string hearth;    ///< the command, absolute
  std::string config;    ///< first configuration file
  std::string run_dir;   ///< absolute
  std::string site_env;  ///< "": none
  int64_t max_restarts = 20;
  std::vector<std::string> words;  ///< further arguments of `hearth train`
};

/// A time limit in one of Slurm's forms (M, M:S, H:M:S, D-H, D-H:M, D-H:M:S), in seconds.
/// Throws UsageError naming the forms.
int64_t ParseSlurmTime(std::string_view text);

/// `shipped` with the values of one job: its #SBATCH lines changed or joined by others, and its
/// variables set, so that sbatch needs no environment and no arguments.
/// Throws UsageError for a time limit that leaves no time to train before the job is asked to save,
/// for a further option that is none, and for a value that does not fit on a line.
std::string BatchScript(std::string_view shipped, const BatchJob& job);

}  // namespace hearth

#include "launch/command/train_config.h"

#include <ATen/Version.h>

#include "cluster/consensus.h"
#include "common/build_info.h"
#include "common/error.h"
#include "launch/config/resume_check.h"

namespace hearth {

TrainerOptions TrainerOptionsOf(const Config& config) {
  TrainerOptions options;
  TrainingSections& sections = options;
  sections = config;
  options.run_dir = config.run.dir;
  options.config_hash = ConfigHash(config);
  options.tool_version = ThisBuild().version;
  options.seed = config.run.seed;
  options.balance_every_steps = config.log.metrics_every_steps;
  return options;
}

void RequireSameStart(Communicator& communicator, const Config& config,
                      const std::string& data_hash) {
  RequireSameFacts(communicator, {{"hearth version", std::string(ThisBuild().version)},
                                  {"hearth commit", std::string(ThisBuild().commit)},
                                  {"configuration", ConfigHash(config)},
                                  {"train.max_steps", std::to_string(config.train.max_steps)},
                                  {"data set", data_hash},
                                  // Other instructions round differently.
                                  {"instruction set", at::get_cpu_capability()}});
}

void RequireDataPath(const Config& config) {
  if (!config.data.path.empty()) return;
  throw ConfigError(
      "data.path is not set; give data.path=DIR, a folder made by 'hearth data convert'");
}

void RequireTrainingKeys(const Config& config) {
  RequireDataPath(config);
  if (config.run.dir.empty()) {
    throw ConfigError(
        "run.dir is not set; give run.dir=DIR, the folder for checkpoints and metrics");
  }
}

}  // namespace hearth

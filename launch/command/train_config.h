#pragma once

#include <string>

#include "cluster/communicator.h"
#include "launch/config/config.h"
#include "trainer/loop/trainer_options.h"

namespace hearth {

/// The options of a trainer. Threads and memory of this rank keep their defaults.
TrainerOptions TrainerOptionsOf(const Config& config);

/// Throws ConfigError on every rank when they were started with another binary, configuration or
/// data set (`data_hash`: ManifestHash): such a mixed launch must not train.
/// Collective: all ranks must call.
void RequireSameStart(Communicator& communicator, const Config& config,
                      const std::string& data_hash);

/// Throws ConfigError when data.path is not set.
void RequireDataPath(const Config& config);
/// Throws ConfigError naming a key that `hearth train` needs and that is not set.
void RequireTrainingKeys(const Config& config);

}  // namespace hearth

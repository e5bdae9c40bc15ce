#pragma once

#include <string>

#include "launch/command/invocation.h"
#include "launch/config/config.h"

namespace hearth {

struct TrainerOptions;

TrainerOptions TrainerOptionsOf(const Config& config);

/// Throws ConfigError on every rank when they were started with another binary, configuration or
/// data set (`data_hash`: ManifestHash): such a mixed launch must not train.
/// Collective: all ranks must call.
void RequireSameStart(Communicator& communicator, const Config& config,
                      const std::string& data_hash);

/// Throws ConfigError when data.path is not set.
void RequireDataPath(const Config& config);
/// What `hearth train` needs beyond a legal configuration. Throws ConfigError naming the key.
void RequireTrainingKeys(const Config& config);

/// `hearth train --dry-run`: opens the data, builds the model, prints sizes and memory. Returns 0.
int DryRun(const Config& config, Job& job);

/// `hearth train`. Collective. Returns 0 when done and 75 when stopped with a checkpoint.
int TrainRun(const Config& config, const Invocation& invocation, const std::string& progress,
             Job& job);

}  // namespace hearth

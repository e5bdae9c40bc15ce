#pragma once

#include <string>

#include "launch/command/invocation.h"
#include "launch/command/train_stages.h"

namespace hearth {

/// `hearth train --dry-run`: opens the data, builds the model, prints sizes and memory. Returns 0.
int DryRun(const CheckedConfig& config, Job& job);

/// `hearth train`. Collective. Returns 0 when done and 75 when stopped with a checkpoint.
int TrainRun(const CheckedConfig& config, const Invocation& invocation, const std::string& progress,
             Job& job);

}  // namespace hearth

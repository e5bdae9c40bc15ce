#pragma once

#include <string>

#include "launch/config/config.h"
#include "storage/shard/dataset.h"

namespace hearth {

/// "21 of 109 training tasks have tasks.min_events=5 events", for people.
std::string UsedTasksText(const Config& config, const Dataset& dataset);

/// Tells what keeps a run from meaning much: warns (if `warn`) when all labels are equal, and when
/// no validation task has enough events. Throws ConfigError when eval.scenarios names a scenario
/// without a usable validation task.
void CheckTasks(const Config& config, const Dataset& dataset, bool warn);

}  // namespace hearth

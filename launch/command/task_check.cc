#include "launch/command/task_check.h"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "common/error.h"
#include "launch/config/keys.h"
#include "sampler/part_tasks.h"

namespace hearth {

std::string UsedTasksText(const Config& config, const Dataset& dataset) {
  const PartTasks tasks(dataset, kTrainPart, config.tasks);
  return fmt::format("{} of {} training tasks have tasks.min_events={} events",
                     tasks.eligible_task_count(), tasks.task_count(), config.tasks.min_events);
}

void CheckTasks(const Config& config, const Dataset& dataset, bool warn) {
  const DatasetManifest& data = dataset.manifest();
  if (warn && data.label_min == data.label_max && !data.positive_only) {
    spdlog::warn("every label of '{}' is {}: neither errors nor rankings tell models apart",
                 data.name, data.label_min);
  }
  if (warn && data.positive_only && config.tasks.negatives == 0) {
    spdlog::warn(
        "every event of '{}' is positive, and without tasks.negatives the loss meta.loss={} is "
        "least for a model that gives all items one score; set tasks.negatives=4, for example",
        data.name, FindKey("meta.loss")->write(config));
  }
  int64_t usable = 0, all = 0;
  for (const Scenario scenario : kAllScenarios) {
    const PartTasks tasks(dataset, {Split::kValidation, scenario}, config.tasks);
    const std::string name(NameOf(scenario));
    const bool is_named =
        std::ranges::find(config.eval.scenarios, name) != config.eval.scenarios.end();
    if (is_named && tasks.eligible_task_count() == 0) {
      throw ConfigError(
          "eval.scenarios: none of the {} validation tasks of '{}' in scenario {} has "
          "tasks.min_events={} events; leave the scenario out or lower tasks.min_events",
          tasks.task_count(), data.name, name, config.tasks.min_events);
    }
    usable += tasks.eligible_task_count();
    all += tasks.task_count();
  }
  if (warn && all > 0 && usable == 0) {
    spdlog::warn(
        "none of the {} validation tasks of '{}' has tasks.min_events={} events: no checkpoint is "
        "the best; lower tasks.min_events",
        all, data.name, config.tasks.min_events);
  }
}

}  // namespace hearth

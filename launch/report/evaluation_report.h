#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "storage/shard/dataset.h"
#include "trainer/evaluate/evaluation.h"

namespace hearth {

/// Returns {scenario: {line: {metric: {mean, low, high, tasks}}}}. The lines (ScenarioResult::rows,
/// improvement and shots) are:
///   "adapted", "unadapted" and the baselines;
///   "improvement_over_LINE": paired differences, positive if "adapted" is better;
///   "adapted_shot_K": "adapted" with support sets of K rows.
/// "adapted" also has "loss_reduction"; its interval is null. A metric that no task defines is left
/// out, and a scenario without tasks is an empty object.
nlohmann::ordered_json EvaluationJson(const std::vector<ScenarioResult>& results);

/// Returns the same as tables for people, one table per scenario. A table shows the intervals, the
/// improvements and the k-shot curve of `metric` alone. It also shows the simulator's truth if the
/// facts of the manifest have it.
std::string EvaluationText(const std::vector<ScenarioResult>& results, Split split,
                           const std::string& metric, const DatasetManifest& manifest);

}  // namespace hearth

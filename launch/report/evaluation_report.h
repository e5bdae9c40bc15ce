#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "storage/shard/dataset.h"
#include "trainer/evaluate/evaluation.h"

namespace hearth {

/// {scenario: {row: {metric: {mean, low, high, tasks}}}}. Rows: "adapted", "unadapted", the
/// baselines; beside them, of the same shape, "improvement_over_ROW" (paired differences, positive
/// when adapted is better) and "adapted_shot_K" (support sets of K rows). "adapted" also has
/// "loss_reduction", which has no interval (null). Metrics without any task are left out, and a
/// scenario without any is an empty object.
nlohmann::ordered_json EvaluationJson(const std::vector<ScenarioResult>& results);

/// The same as tables for people, one per scenario. `metric`: the one whose intervals, improvements
/// and k-shot curve are shown. Facts of the manifest (the simulator's truth) stand beside.
std::string EvaluationText(const std::vector<ScenarioResult>& results, Split split,
                           const std::string& metric, const DatasetManifest& manifest);

}  // namespace hearth

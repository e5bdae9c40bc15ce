#include "launch/report/evaluation_report.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "common/text.h"

namespace hearth {
namespace {

constexpr int kIntervalWidth = 25;  // of the column of the chosen metric
constexpr int kMeanWidth = 9;       // of all other columns

nlohmann::ordered_json JsonOf(const MetricValues& values) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [metric, value] : values) {
    if (value.task_count == 0) continue;
    json[metric] = {{"mean", value.mean},
                    {"low", value.low},
                    {"high", value.high},
                    {"tasks", value.task_count}};
  }
  return json;
}

/// Returns the value of a metric, or null if no task defines it.
const MeanInterval* Find(const MetricValues& values, const std::string& metric) {
  const auto found = values.find(metric);
  if (found == values.end() || found->second.task_count == 0) return nullptr;
  return &found->second;
}

std::string IntervalText(const MeanInterval& value) {
  return fmt::format("{:.4f} [{:.4f}, {:.4f}]", value.mean, value.low, value.high);
}

std::string IntervalOrDash(const MeanInterval* value) {
  if (value == nullptr) return "-";
  return IntervalText(*value);
}

std::string MeanOrDash(const MeanInterval* value) {
  if (value == nullptr) return "-";
  return fmt::format("{:.4f}", value->mean);
}

/// Lists the chosen metric, and then every other metric that has a value in some line of the table.
std::vector<std::string> Columns(const ScenarioResult& result, const std::string& chosen) {
  std::set<std::string> others;
  for (const auto& [row, values] : result.values) {
    for (const auto& [metric, value] : values) {
      if (metric != chosen && value.task_count > 0) others.insert(metric);
    }
  }
  std::vector<std::string> columns = {chosen};
  columns.insert(columns.end(), others.begin(), others.end());
  return columns;
}

std::string RowText(const std::string& row, const MetricValues& values,
                    const std::vector<std::string>& columns) {
  std::string line =
      fmt::format("  {:<13} {:>{}}", row, IntervalOrDash(Find(values, columns[0])), kIntervalWidth);
  for (size_t i = 1; i < columns.size(); ++i) {
    line += fmt::format(" {:>{}}", MeanOrDash(Find(values, columns[i])), kMeanWidth);
  }
  return line + "\n";
}

// The list length of the metrics in a table; 1 if there is none.
int64_t TopKOf(const std::vector<std::string>& columns) {
  for (const std::string& name : columns) {
    if (const int64_t k = ParseMetric(name).k; k > 0) return k;
  }
  return 1;
}

// Names the metrics without a column, and the reason.
std::string LeftOutText(const std::vector<std::string>& columns, const DatasetManifest& manifest,
                        int64_t top_k) {
  std::vector<std::string> left_out;
  for (const Metric& metric : AllMetrics(top_k)) {
    const std::string name = NameOf(metric);
    if (std::ranges::find(columns, name) == columns.end()) left_out.push_back(name);
  }
  std::string text;
  if (manifest.positive_only) {
    text +=
        "  every event is positive: each task ranks its query items among the items without an "
        "event\n";
  } else if (manifest.label_min == manifest.label_max) {
    text += fmt::format("  every label is {}: no metric tells methods apart\n", manifest.label_min);
  }
  if (left_out.empty()) return text;
  return text + fmt::format("  left out, as no task defines them: {}{}\n", Join(left_out, ", "),
                            manifest.positive_only ? "" : " (see eval.relevant_at)");
}

std::string ScenarioText(const ScenarioResult& result, Part part, const std::string& metric,
                         const DatasetManifest& manifest) {
  const std::string part_name = NameOf(part);
  std::string text =
      fmt::format("{}: {} of {} tasks\n", part_name, result.task_count, result.part_task_count);
  if (result.task_count == 0) return text + "  no task has enough events\n";
  const std::vector<std::string> columns = Columns(result, metric);
  text += fmt::format("  {:<13} {:>{}}", "", metric + " [95 %]", kIntervalWidth);
  for (size_t i = 1; i < columns.size(); ++i) {
    text += fmt::format(" {:>{}}", columns[i], kMeanWidth);
  }
  text += "\n";
  for (const std::string& row : result.rows) text += RowText(row, result.values.at(row), columns);

  text += LeftOutText(columns, manifest, TopKOf(columns));
  const auto truth = manifest.facts.find(fmt::format("truth_{}/{}", metric, part_name));
  if (truth != manifest.facts.end()) {
    text += fmt::format("  {:<13} {:>8.4f} (best reachable, all events of the part)\n", "truth",
                        truth->second);
  }
  text += fmt::format("  adaptation lowers the loss by {:.1f} %\n", 100.0 * result.loss_reduction);
  text += "  improvement by adaptation over (positive: adapted is better)\n";
  for (const auto& [row, values] : result.improvement) {
    if (const MeanInterval* value = Find(values, metric)) {
      text += fmt::format("    {:<13} {:>33}\n", row, IntervalText(*value));
    }
  }
  text += "  adapted to support sets of\n";
  for (const auto& [shots, values] : result.shots) {
    if (const MeanInterval* value = Find(values, metric)) {
      text += fmt::format("    {:<13} {:>33}\n", shots, IntervalText(*value));
    }
  }
  return text;
}

}  // namespace

nlohmann::ordered_json EvaluationJson(const std::vector<ScenarioResult>& results) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const ScenarioResult& result : results) {
    nlohmann::ordered_json& scenario = json[std::string(NameOf(result.scenario))];
    scenario = nlohmann::ordered_json::object();
    if (result.task_count == 0) continue;
    for (const std::string& row : result.rows) scenario[row] = JsonOf(result.values.at(row));
    scenario["adapted"]["loss_reduction"] = {{"mean", result.loss_reduction},
                                             {"low", nullptr},
                                             {"high", nullptr},
                                             {"tasks", result.task_count}};
    for (const auto& [row, values] : result.improvement) {
      scenario["improvement_over_" + row] = JsonOf(values);
    }
    for (const auto& [shots, values] : result.shots) {
      scenario[fmt::format("adapted_shot_{}", shots)] = JsonOf(values);
    }
  }
  return json;
}

std::string EvaluationText(const std::vector<ScenarioResult>& results, Split split,
                           const std::string& metric, const DatasetManifest& manifest) {
  std::string text;
  for (const ScenarioResult& result : results) {
    if (!text.empty()) text += "\n";
    text += ScenarioText(result, {split, result.scenario}, metric, manifest);
  }
  return text;
}

}  // namespace hearth

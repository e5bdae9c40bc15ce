#include "launch/report/dataset_report.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/text.h"
#include "launch/report/utc_text.h"

namespace hearth {
namespace {

using nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

std::string Percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

std::string TextOf(const LabelBin& bin) {
  if (bin.low == bin.high) return fmt::format("{}", bin.low);
  return fmt::format("{} to {}", bin.low, bin.high);
}

Rows Overview(const DatasetSummary& summary) {
  Rows rows = {{"tasks by", summary.task_by},
               {"users", fmt::format("{}", summary.users.count)},
               {"items", fmt::format("{}", summary.items.count)},
               {"events", fmt::format("{}", summary.event_count)},
               {"sparsity", Percent(summary.sparsity)}};
  if (summary.has_time) {
    rows.push_back({"first event", UtcText(summary.time_min)});
    rows.push_back({"last event", UtcText(summary.time_max)});
  }
  rows.push_back({"mean label", fmt::format("{:.4f}", summary.label_mean)});
  rows.push_back({fmt::format("events of the top {} items (1 %)", summary.top_item_count),
                  Percent(summary.top_item_share)});
  return rows;
}

Rows Sides(const DatasetSummary& summary) {
  std::vector<std::string> header = {"", "min", "median", "p95", "max"};
  for (const int64_t limit : kColdLimits) header.push_back(fmt::format("< {}", limit));
  Rows rows = {header};
  const auto add = [&](const char* name, const SideSummary& side) {
    const Quantiles& events = side.events_per_entity;
    std::vector<std::string> row = {name, fmt::format("{}", events.min),
                                    fmt::format("{}", events.median), fmt::format("{}", events.p95),
                                    fmt::format("{}", events.max)};
    for (const int64_t count : side.cold_count) row.push_back(fmt::format("{}", count));
    rows.push_back(row);
  };
  add("events per user", summary.users);
  add("events per item", summary.items);
  return rows;
}

Rows Features(const DatasetSummary& summary) {
  Rows rows = {{"feature", "kind", "size", "known for", "of"}};
  const auto add = [&](const std::string& side, const std::vector<FeatureSummary>& features) {
    for (const FeatureSummary& feature : features) {
      rows.push_back({side + "." + feature.name, std::string(NameOf(feature.kind)),
                      fmt::format("{}", feature.size), fmt::format("{}", feature.covered),
                      fmt::format("{}", feature.count)});
    }
  };
  add("user", summary.users.features);
  add("item", summary.items.features);
  return rows;
}

Rows Parts(const DatasetSummary& summary) {
  std::vector<std::string> header = {"part", "shards", "tasks", "events",
                                     "min",  "median", "p95",   "max"};
  for (const int64_t shots : kShots) header.push_back(fmt::format("{}+{}", shots, kQueryEvents));
  Rows rows = {header};
  for (const PartSummary& part : summary.parts) {
    std::vector<std::string> row = {NameOf(part.part)};
    for (const int64_t number :
         {part.shard_count, part.task_count, part.event_count, part.events_per_task.min,
          part.events_per_task.median, part.events_per_task.p95, part.events_per_task.max}) {
      row.push_back(fmt::format("{}", number));
    }
    for (const int64_t count : part.episode_count) row.push_back(fmt::format("{}", count));
    rows.push_back(row);
  }
  return rows;
}

Rows Labels(const DatasetSummary& summary) {
  Rows rows = {{"label", "events", "share"}};
  for (const LabelBin& bin : summary.labels) {
    const double share = static_cast<double>(bin.count) /
                         static_cast<double>(std::max<int64_t>(summary.event_count, 1));
    rows.push_back({TextOf(bin), fmt::format("{}", bin.count), Percent(share)});
  }
  return rows;
}

/// Aligns the first column to the left and numbers to the right.
std::string AlignedTable(const Rows& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    text += fmt::format("  {:<{}}", row[0], widths[0]);
    for (size_t i = 1; i < row.size(); ++i) text += fmt::format("  {:>{}}", row[i], widths[i]);
    text += "\n";
  }
  return text;
}

std::string MarkdownTable(const Rows& rows) {
  std::string text;
  for (size_t i = 0; i < rows.size(); ++i) {
    text += "| " + Join(rows[i], " | ") + " |\n";
    if (i > 0) continue;
    text += "|---";
    for (size_t column = 1; column < rows[0].size(); ++column) text += "|---:";
    text += "|\n";
  }
  return text;
}

ordered_json ToJson(const Quantiles& quantiles) {
  return {{"min", quantiles.min},
          {"median", quantiles.median},
          {"p95", quantiles.p95},
          {"max", quantiles.max}};
}

ordered_json ToJson(const SideSummary& side) {
  ordered_json cold = ordered_json::object();
  for (size_t i = 0; i < kColdLimits.size(); ++i) {
    cold[fmt::format("fewer_than_{}", kColdLimits[i])] = side.cold_count[i];
  }
  ordered_json features = ordered_json::array();
  for (const FeatureSummary& feature : side.features) {
    features.push_back({{"name", feature.name},
                        {"kind", NameOf(feature.kind)},
                        {"size", feature.size},
                        {"covered", feature.covered}});
  }
  return {{"count", side.count},
          {"features", std::move(features)},
          {"events_per_entity", ToJson(side.events_per_entity)},
          {"cold", std::move(cold)}};
}

ordered_json ToJson(const PartSummary& part) {
  ordered_json episodes = ordered_json::object();
  for (size_t i = 0; i < kShots.size(); ++i) {
    episodes[fmt::format("{}_shot", kShots[i])] = part.episode_count[i];
  }
  return {{"shards", part.shard_count},
          {"tasks", part.task_count},
          {"events", part.event_count},
          {"events_per_task", ToJson(part.events_per_task)},
          {"episodes", std::move(episodes)}};
}

constexpr char kSidesTitle[] = "Events per entity, and entities with fewer than k events";
constexpr char kFeaturesTitle[] = "Features: categories or width, and entities with a value";
constexpr char kPartsTitle[] =
    "Parts: events per task, and tasks that give an episode of k support + q query events";

}  // namespace

std::string ToText(const DatasetSummary& summary) {
  return fmt::format("Data set {}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\nLabels\n{}", summary.name,
                     AlignedTable(Overview(summary)), kSidesTitle, AlignedTable(Sides(summary)),
                     kFeaturesTitle, AlignedTable(Features(summary)), kPartsTitle,
                     AlignedTable(Parts(summary)), AlignedTable(Labels(summary)));
}

std::string ToMarkdown(const DatasetSummary& summary) {
  Rows overview = Overview(summary);
  overview.insert(overview.begin(), {"data set", summary.name});
  return fmt::format("{}\n{}:\n\n{}\n{}:\n\n{}\n{}:\n\n{}\n{}", MarkdownTable(overview),
                     kSidesTitle, MarkdownTable(Sides(summary)), kFeaturesTitle,
                     MarkdownTable(Features(summary)), kPartsTitle, MarkdownTable(Parts(summary)),
                     MarkdownTable(Labels(summary)));
}

ordered_json ToJson(const DatasetSummary& summary) {
  ordered_json parts = ordered_json::object();
  for (const PartSummary& part : summary.parts) parts[NameOf(part.part)] = ToJson(part);
  ordered_json labels = ordered_json::array();
  for (const LabelBin& bin : summary.labels) {
    labels.push_back({{"low", bin.low}, {"high", bin.high}, {"count", bin.count}});
  }
  ordered_json json = {{"name", summary.name},           {"task_by", summary.task_by},
                       {"users", ToJson(summary.users)}, {"items", ToJson(summary.items)},
                       {"events", summary.event_count},  {"sparsity", summary.sparsity}};
  if (summary.has_time) {
    json["time_min"] = summary.time_min;
    json["time_max"] = summary.time_max;
  }
  json["label_mean"] = summary.label_mean;
  json["labels"] = std::move(labels);
  json["top_items"] = {{"count", summary.top_item_count}, {"share", summary.top_item_share}};
  json["query_events"] = kQueryEvents;
  json["parts"] = std::move(parts);
  return json;
}

}  // namespace hearth

#include "launch/report/dataset_head.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "launch/report/printable.h"
#include "launch/report/utc_text.h"

namespace hearth {
namespace {

std::string NameOf(const EntityTable& table, int64_t entity) {
  const std::string& id = table.ids[entity];
  const std::string& title = table.TitleOf(entity);
  return Printable(title == id ? id : fmt::format("{} \"{}\"", id, title));
}

std::string_view NameOf(EventRole role) {
  constexpr std::array<std::string_view, 3> kNames = {"any", "support", "query"};
  return kNames[static_cast<size_t>(role)];
}

std::string TextOf(const Dataset& dataset, const TaskView& task, int64_t event_count) {
  std::string text = fmt::format("{} {}: {} events\n", dataset.manifest().task_by,
                                 NameOf(dataset.task_entities(), task.id), task.size());
  const int64_t shown = std::min(event_count, task.size());
  for (int64_t i = 0; i < shown; ++i) {
    text += fmt::format("  {:>6}", task.labels[i]);
    if (!task.times.empty()) text += "  " + UtcText(task.times[i]);
    if (!task.roles.empty()) {
      text += fmt::format("  {:<7}", NameOf(static_cast<EventRole>(task.roles[i])));
    }
    text += "  " + NameOf(dataset.event_entities(), task.items[i]) + "\n";
  }
  const int64_t rest = task.size() - shown;
  if (rest > 0) text += fmt::format("  ... and {} more\n", rest);
  return text;
}

}  // namespace

std::string HeadText(const Dataset& dataset, Part part, int64_t task_count, int64_t event_count) {
  std::string text;
  int64_t left = task_count;
  for (const int64_t index : dataset.ShardsOf(part)) {
    if (left <= 0) break;
    const ShardReader& shard = dataset.Shard(index);
    for (int64_t row = 0; row < shard.task_count() && left > 0; ++row, --left) {
      text += TextOf(dataset, shard.task(row), event_count);
    }
  }
  return text;
}

}  // namespace hearth

#include "storage/import/part_writer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/error.h"

namespace hearth {

PartWriter::PartWriter(PartWriterOptions options, OnShardWritten on_shard_written)
    : options_(std::move(options)), on_shard_written_(std::move(on_shard_written)) {
  for (const Part part : AllParts()) parts_.push_back({part, {}, {}});
}

void PartWriter::Add(int64_t task, std::span<const EventRecord> events) {
  for (PartState& state : parts_) {
    const bool occurs =
        std::any_of(events.begin(), events.end(),
                    [&state](const EventRecord& event) { return event.part() == state.part; });
    if (occurs) Append(&state, task, events);
  }
}

void PartWriter::Append(PartState* state, int64_t task, std::span<const EventRecord> events) {
  ShardContent& content = state->content;
  HEARTH_CHECK(content.task_ids.empty() || content.task_ids.back() < task, "task {} after {}", task,
               content.task_ids.back());
  content.task_ids.push_back(task);
  for (const EventRecord& event : events) {
    if (event.part() != state->part) continue;
    content.items.push_back(options_.by_item ? event.user : event.item);
    content.labels.push_back(event.label);
    if (options_.has_time) content.times.push_back(event.time);
    if (options_.has_roles) content.roles.push_back(event.role);
  }
  content.offsets.push_back(content.event_count());
  if (content.task_count() == options_.tasks_per_shard) Flush(state);
}

void PartWriter::Flush(PartState* state) {
  std::string name = NameOf(state->part);
  std::replace(name.begin(), name.end(), '/', '-');
  const std::string file = fmt::format("{}-{:05}.h5", name, state->written.size());
  state->written.push_back(
      WriteShard(options_.folder, file, state->part, options_.task_by, state->content));
  on_shard_written_(state->part, state->content);
  state->content = {};
}

std::vector<ShardEntry> PartWriter::Finish() {
  std::vector<ShardEntry> shards;
  for (PartState& state : parts_) {
    if (state.content.task_count() > 0) Flush(&state);
    shards.insert(shards.end(), state.written.begin(), state.written.end());
  }
  return shards;
}

}  // namespace hearth

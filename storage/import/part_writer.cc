#include "storage/import/part_writer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/error.h"

namespace hearth {

PartWriter::PartWriter(PartWriterOptions options, SeeShard see_shard)
    : options_(std::move(options)), see_shard_(std::move(see_shard)) {
  for (const Part part : AllParts()) parts_.push_back({part, {}, {}});
}

void PartWriter::Add(int64_t task, std::span<const EventRecord> events) {
  for (Open& open : parts_) {
    const bool occurs =
        std::any_of(events.begin(), events.end(),
                    [&open](const EventRecord& event) { return event.part() == open.part; });
    if (occurs) Append(&open, task, events);
  }
}

void PartWriter::Append(Open* open, int64_t task, std::span<const EventRecord> events) {
  ShardContent& content = open->content;
  HEARTH_CHECK(content.task_ids.empty() || content.task_ids.back() < task, "task {} after {}", task,
               content.task_ids.back());
  content.task_ids.push_back(task);
  for (const EventRecord& event : events) {
    if (event.part() != open->part) continue;
    content.items.push_back(options_.by_item ? event.user : event.item);
    content.labels.push_back(event.label);
    if (options_.has_time) content.times.push_back(event.time);
    if (options_.has_roles) content.roles.push_back(event.role);
  }
  content.offsets.push_back(content.event_count());
  if (content.task_count() == options_.tasks_per_shard) Flush(open);
}

void PartWriter::Flush(Open* open) {
  std::string name = NameOf(open->part);
  std::replace(name.begin(), name.end(), '/', '-');
  const std::string file = fmt::format("{}-{:05}.h5", name, open->written.size());
  open->written.push_back(
      WriteShard(options_.folder, file, open->part, options_.task_by, open->content));
  see_shard_(open->part, open->content);
  open->content = {};
}

std::vector<ShardEntry> PartWriter::Finish() {
  std::vector<ShardEntry> shards;
  for (Open& open : parts_) {
    if (open.content.task_count() > 0) Flush(&open);
    shards.insert(shards.end(), open.written.begin(), open.written.end());
  }
  return shards;
}

}  // namespace hearth

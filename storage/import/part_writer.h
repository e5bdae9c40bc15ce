#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "storage/import/event_record.h"
#include "storage/shard/shard_file.h"

namespace hearth {

struct PartWriterOptions {
  std::string folder;
  std::string task_by;
  bool by_item = false;  ///< tasks are items
  bool has_time = false;
  bool has_roles = false;
  int64_t tasks_per_shard = 8192;
};

/// Collects the tasks of each part. Each time a part has tasks_per_shard tasks, they are written as
/// a shard.
class PartWriter {
 public:
  using OnShardWritten = std::function<void(Part, const ShardContent&)>;

  /// `on_shard_written` is called with each shard just written.
  PartWriter(PartWriterOptions options, OnShardWritten on_shard_written);

  /// Adds the events of one task, in their order; they may belong to several parts. Tasks come in
  /// increasing order.
  void Add(int64_t task, std::span<const EventRecord> events);
  /// Writes the remaining tasks. Returns the shards ordered by part, then number.
  std::vector<ShardEntry> Finish();

 private:
  struct PartState {
    Part part;
    ShardContent content;  // tasks of the next shard
    std::vector<ShardEntry> written;
  };

  void Append(PartState* state, int64_t task, std::span<const EventRecord> events);
  void Flush(PartState* state);

  PartWriterOptions options_;
  OnShardWritten on_shard_written_;
  std::vector<PartState> parts_;  // in the order of AllParts()
};

}  // namespace hearth

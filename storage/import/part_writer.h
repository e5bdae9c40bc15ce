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

/// Collects the tasks of each part and writes a shard whenever tasks_per_shard are there.
class PartWriter {
 public:
  using SeeShard = std::function<void(Part, const ShardContent&)>;

  /// `see_shard` is called with each shard just written.
  PartWriter(PartWriterOptions options, SeeShard see_shard);

  /// Adds the events of one task, ordered, of any parts. Tasks come in increasing order.
  void Add(int64_t task, std::span<const EventRecord> events);
  /// Writes what is left. Returns the shards ordered by part, then number.
  std::vector<ShardEntry> Finish();

 private:
  struct Open {
    Part part;
    ShardContent content;
    std::vector<ShardEntry> written;
  };

  void Append(Open* open, int64_t task, std::span<const EventRecord> events);
  void Flush(Open* open);

  PartWriterOptions options_;
  SeeShard see_shard_;
  std::vector<Open> parts_;  // as AllParts()
};

}  // namespace hearth

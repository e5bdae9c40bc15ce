#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/shard/part.h"
#include "storage/shard/shard_file.h"

namespace hearth {

/// One event of a conversion in progress, as spilled to disk. Indexes are of the vocabularies of
/// the first pass.
struct EventRecord {
  int64_t time = 0;
  int64_t row = 0;  ///< position in the raw log: the order where times are equal or absent
  uint32_t user = 0;
  uint32_t item = 0;
  uint32_t subject = 0;  ///< who acted, where tasks are values of a column
  float label = 0;       ///< NaN: missing, until the cleaning pass
  uint8_t role = 0;      ///< EventRole
  Split split = Split::kTrain;
  Scenario scenario = Scenario::kNonCold;
  uint8_t unused[5] = {};  // no undefined bytes reach the disk

  Part part() const { return {split, scenario}; }
};
static_assert(sizeof(EventRecord) == 40);

/// Temporary files of events, by task: file = task / tasks_per_file. Files are opened for each
/// write and closed again, so their number is not bounded by open-file limits; memory holds a write
/// buffer of at most 32 MB over all files.
class SpillStore {
 public:
  /// `folder` is made here; its owner removes it.
  SpillStore(std::string folder, bool by_item, int64_t tasks_per_file);

  void Add(const EventRecord& event);
  /// Writes what is buffered. Call once after the last Add.
  void Flush();

  int64_t file_count() const { return static_cast<int64_t>(buffers_.size()); }
  std::vector<EventRecord> Load(int64_t file) const;
  void Replace(int64_t file, const std::vector<EventRecord>& events) const;

  uint32_t TaskOf(const EventRecord& event) const { return by_item_ ? event.item : event.user; }

 private:
  std::string PathOf(int64_t file) const;
  void Write(int64_t file, const std::vector<EventRecord>& events, const char* mode) const;

  std::string folder_;
  bool by_item_;
  int64_t tasks_per_file_;
  std::vector<std::vector<EventRecord>> buffers_;
  int64_t buffered_count_ = 0;
};

}  // namespace hearth

#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "storage/shard/part.h"
#include "storage/shard/shard_file.h"

namespace hearth {

/// One event of a conversion in progress, in the layout of the spill files. User, item and subject
/// are indexes of the vocabularies of the first pass.
struct EventRecord {
  int64_t time = 0;
  int64_t row = 0;  ///< position in the raw log; orders events with equal times or without times
  uint32_t user = 0;
  uint32_t item = 0;
  uint32_t subject = 0;     ///< RawEvent::subject
  float label = 0;          ///< NaN: missing, until the cleaning pass fills it
  int32_t nanoseconds = 0;  ///< behind `time`; orders events of one second
  uint8_t role = 0;         ///< EventRole
  Split split = Split::kTrain;
  Scenario scenario = Scenario::kNonCold;
  uint8_t unused[1] = {};  // explicit padding: no undefined bytes reach the disk

  Part part() const { return {split, scenario}; }
  std::pair<int64_t, int32_t> full_time() const { return {time, nanoseconds}; }
  uint32_t task(bool by_item) const { return by_item ? item : user; }
};
static_assert(sizeof(EventRecord) == 40);

/// Temporary files of events. The file number of an event is its task / tasks_per_file. Each write
/// opens and closes its file, so that the limit on open files does not bound the number of files.
/// Memory holds a write buffer of at most 32 MB over all files.
class SpillStore {
 public:
  /// Creates `folder`; the caller removes it.
  SpillStore(std::string folder, bool by_item, int64_t tasks_per_file);

  void Add(const EventRecord& event);
  /// Writes the buffered events. Call this once after the last Add.
  void Flush();

  int64_t file_count() const { return std::ssize(buffers_); }
  std::vector<EventRecord> Load(int64_t file) const;
  void Replace(int64_t file, const std::vector<EventRecord>& events) const;

  uint32_t TaskOf(const EventRecord& event) const { return event.task(by_item_); }

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

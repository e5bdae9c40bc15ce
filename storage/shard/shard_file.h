#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "storage/file/file_descriptor.h"
#include "storage/shard/part.h"

namespace hearth {

/// The set an event may be in: support, query or either. Files store the numbers.
enum class EventRole : uint8_t { kAny = 0, kSupport = 1, kQuery = 2 };

/// The events of one task, in order (by time if the log has times).
/// All spans have the same length, except that times and roles may be empty (absent column).
/// The view is valid as long as the reader lives.
struct TaskView {
  int64_t id = 0;  ///< index of the task's owner: a user (task_by user) or an item (task_by item)
  std::span<const uint32_t> items;  ///< [event] index of the entity on the other side
  std::span<const int64_t> times;   ///< seconds since 1970, or empty
  std::span<const float> labels;
  std::span<const uint8_t> roles;  ///< EventRole, or empty = all kAny

  int64_t size() const { return std::ssize(items); }
  EventRole role(int64_t event) const { return static_cast<EventRole>(roles[event]); }
};

/// A whole shard in memory, for writing. CSR: events of task t are offsets[t]..offsets[t+1]-1.
struct ShardContent {
  std::vector<int64_t> task_ids;    ///< [task]
  std::vector<int64_t> offsets{0};  ///< [task + 1]
  std::vector<uint32_t> items;      ///< [event]
  std::vector<int64_t> times;       ///< [event] or empty
  std::vector<float> labels;        ///< [event]
  std::vector<uint8_t> roles;       ///< [event] or empty

  int64_t task_count() const { return std::ssize(task_ids); }
  int64_t event_count() const { return std::ssize(items); }
};

/// The manifest's record of one shard file.
struct ShardEntry {
  std::string file;  ///< relative to the data set's folder, e.g. "test-user_cold-00000.h5"
  Part part;
  int64_t task_count = 0;
  int64_t event_count = 0;
  int64_t size_bytes = 0;
  std::string sha256;
  /// XXH3 of the raw bytes of each column, by name ("task_ids", "offsets", "items", "times",
  /// "labels", "roles"). A column that the shard lacks is absent here.
  std::vector<std::pair<std::string, std::string>> column_xxh3;
};

/// Writes one shard (docs/shard-format.md) under a temporary name, syncs it, renames it.
/// Throws StorageError naming the path. A failure leaves no file behind.
ShardEntry WriteShard(const std::string& folder, const std::string& file, Part part,
                      const std::string& task_by, const ShardContent& content);

/// The way a reader reaches the columns.
enum class ReadMode {
  kMmap,   ///< map the file at the datasets' offsets; the page cache is the buffer
  kPread,  ///< pread the columns into memory at open; for file systems with slow or unsafe mmap
};

/// Read-only view of one shard. The constructor uses HDF5 to find the offset of each contiguous
/// dataset. Reading tasks later makes no HDF5 call. Thread safe after construction.
class ShardReader {
 public:
  /// `path` names the file. `entry` is the manifest's record; the file is checked against it.
  /// Throws DataError (structure, sizes, offsets that decrease, counts unlike the manifest) or
  /// StorageError (cannot read), both naming the file.
  ShardReader(const std::string& path, const ShardEntry& entry, ReadMode mode);
  /// Does the same for an opened file.
  ShardReader(const FileDescriptor& file, const ShardEntry& entry, ReadMode mode);
  ~ShardReader();
  ShardReader(const ShardReader&) = delete;
  ShardReader& operator=(const ShardReader&) = delete;

  const std::string& path() const;
  int64_t task_count() const;
  int64_t event_count() const;
  /// [task + 1], int64. They give the lengths of tasks without reading any other column.
  std::span<const int64_t> offsets() const;
  std::span<const int64_t> task_ids() const;  // [task]
  /// `index` in [0, task_count). Throws DataError when the file was changed and the task now lies
  /// outside of it. A mapped file that was cut may also read as zeros behind its new end, so call
  /// CheckUnchanged() before using the values.
  TaskView task(int64_t index) const;

  /// Compares every task id and event index with the sizes of the tables they point into, in one
  /// pass over two columns. Throws DataError naming file, dataset and place in the column.
  void CheckIds(int64_t task_entity_count, int64_t event_entity_count) const;

  /// Checks that the optional columns exist if the data set promises them, and only then. A shard
  /// that has no events has none of them. Throws DataError naming the file.
  void CheckColumns(bool has_time, bool has_roles) const;

  /// Throws DataError naming file, dataset and place in the column unless every label lies in
  /// [min, max]: a label that is not finite must not reach a gradient.
  void CheckLabels(float min, float max) const;

  /// Throws DataError unless the path still names the opened file, with the same size and
  /// modification time. Looks at the folder once and reads nothing.
  void CheckUnchanged() const;
  /// Serves a caller that found other values than before: calls CheckUnchanged(), and throws
  /// DataError even if that passes.
  [[noreturn]] void RefuseChanged() const;

  /// Recomputes XXH3 of every column and compares it with the manifest. Throws DataError naming the
  /// file and the column.
  void VerifyColumns(const ShardEntry& entry) const;

  /// Asks the kernel to read the whole file ahead (WILLNEED). Has no effect in kPread mode.
  void Prefetch() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hearth

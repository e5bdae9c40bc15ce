#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "storage/file/file_descriptor.h"
#include "storage/shard/part.h"

namespace hearth {

/// Whether an event may be in a support set, a query set or either. Stored in files.
enum class EventRole : uint8_t { kAny = 0, kSupport = 1, kQuery = 2 };

/// The events of one task, ordered inside the task (by time where the log has times).
/// All spans have the same length, except that times and roles may be empty (absent column).
/// Valid as long as the reader lives.
struct TaskView {
  int64_t id = 0;  ///< index of the task's owner: a user (task_by user) or an item (task_by item)
  std::span<const uint32_t> items;  ///< index of the other side of each event
  std::span<const int64_t> times;   ///< seconds since 1970, or empty
  std::span<const float> labels;
  std::span<const uint8_t> roles;  ///< EventRole, or empty = all kAny

  int64_t size() const { return static_cast<int64_t>(items.size()); }
};

/// A whole shard in memory, as written. CSR: events of task t are offsets[t]..offsets[t+1]-1.
struct ShardContent {
  std::vector<int64_t> task_ids;    ///< [task]
  std::vector<int64_t> offsets{0};  ///< [task + 1]
  std::vector<uint32_t> items;      ///< [event]
  std::vector<int64_t> times;       ///< [event] or empty
  std::vector<float> labels;        ///< [event]
  std::vector<uint8_t> roles;       ///< [event] or empty

  int64_t task_count() const { return static_cast<int64_t>(task_ids.size()); }
  int64_t event_count() const { return static_cast<int64_t>(items.size()); }
};

/// What the data-set manifest records of one shard file.
struct ShardEntry {
  std::string file;  ///< relative to the data set's folder, e.g. "test-user_cold-00000.h5"
  Part part;
  int64_t task_count = 0;
  int64_t event_count = 0;
  int64_t size_bytes = 0;
  std::string sha256;
  /// XXH3 of the raw bytes of each column, by name ("task_ids", "offsets", "items", "times",
  /// "labels", "roles"); absent columns are absent here.
  std::vector<std::pair<std::string, std::string>> column_xxh3;
};

/// Writes one shard (docs/shard-format.md) under a temporary name, syncs it, renames it.
/// Throws StorageError naming the path; on failure nothing is left behind.
ShardEntry WriteShard(const std::string& folder, const std::string& file, Part part,
                      const std::string& task_by, const ShardContent& content);

/// How a reader gets at the columns.
enum class ReadMode {
  kMmap,   ///< map the file at the datasets' offsets; the page cache is the buffer
  kPread,  ///< pread the columns into memory at open; for file systems where mmap is slow or unsafe
};

/// Read-only view of one shard. HDF5 is used once, at open, to find the offset of each contiguous
/// dataset; tasks are then read without any HDF5 call. Thread safe after construction.
class ShardReader {
 public:
  /// `path`: the file. `entry`: what the manifest says of it, checked against the file.
  /// Throws DataError (structure, sizes, offsets not increasing, counts unlike the manifest) or
  /// StorageError (cannot read), both naming the file.
  ShardReader(const std::string& path, const ShardEntry& entry, ReadMode mode);
  /// The same for an opened file.
  ShardReader(const FileDescriptor& file, const ShardEntry& entry, ReadMode mode);
  ~ShardReader();
  ShardReader(const ShardReader&) = delete;
  ShardReader& operator=(const ShardReader&) = delete;

  const std::string& path() const;
  int64_t task_count() const;
  int64_t event_count() const;
  /// [task + 1], int64: lengths are known without touching a column.
  std::span<const int64_t> offsets() const;
  std::span<const int64_t> task_ids() const;  // [task]
  /// `index` in [0, task_count). Throws DataError when the file was changed meanwhile so that the
  /// task lies outside of it; of a mapped file what is behind a new end may also read as zeros, so
  /// call CheckUnchanged() before using what was read.
  TaskView task(int64_t index) const;

  /// Compares every task id and event index with the sizes of the tables they point into. One pass
  /// over two columns. Throws DataError naming file, dataset and row.
  void CheckIds(int64_t task_entity_count, int64_t event_entity_count) const;

  /// Compares the optional columns with what the data set promises; a shard without events has
  /// none. Throws DataError naming the file.
  void CheckColumns(bool has_time, bool has_roles) const;

  /// Throws DataError naming file, dataset and row unless every label lies in [min, max]: what is
  /// not finite must not reach a gradient.
  void CheckLabels(float min, float max) const;

  /// Throws DataError unless the path still names the file that was opened, of the same size and
  /// time of change: one look at the folder, no read.
  void CheckUnchanged() const;
  /// For a caller that found something else than before: CheckUnchanged(), and DataError anyway.
  [[noreturn]] void RefuseChanged() const;

  /// Recomputes XXH3 of every column and compares it with the manifest. Throws DataError naming the
  /// file and the column.
  void VerifyColumns(const ShardEntry& entry) const;

  /// Asks the kernel to read the whole file ahead (WILLNEED); no effect in kPread mode.
  void Prefetch() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hearth

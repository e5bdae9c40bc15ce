#include <algorithm>
#include <limits>

#include "common/error.h"
#include "common/hash.h"
#include "storage/file/durable_file.h"
#include "storage/file/hdf5.h"
#include "storage/shard/shard_file.h"
#include "storage/shard/shard_format.h"

namespace hearth {
namespace {

void CheckContent(const ShardContent& content) {
  const size_t event_count = content.items.size();
  HEARTH_CHECK(content.offsets.size() == content.task_ids.size() + 1, "{} offsets for {} tasks",
               content.offsets.size(), content.task_ids.size());
  HEARTH_CHECK(content.offsets.front() == 0 && content.offsets.back() == content.event_count(),
               "offsets {}..{} for {} events", content.offsets.front(), content.offsets.back(),
               event_count);
  HEARTH_CHECK(std::is_sorted(content.offsets.begin(), content.offsets.end()));
  HEARTH_CHECK(content.labels.size() == event_count, "{} labels", content.labels.size());
  HEARTH_CHECK(content.times.empty() || content.times.size() == event_count, "{} times",
               content.times.size());
  HEARTH_CHECK(content.roles.empty() || content.roles.size() == event_count, "{} roles",
               content.roles.size());
}

template <typename Element>
void WriteColumn(const shard_format::Column& column, const std::vector<Element>& values,
                 Hdf5File* file, ShardEntry* entry) {
  file->BorrowDataset(column.dataset, std::span<const Element>(values));
  entry->column_xxh3.emplace_back(column.key,
                                  HexOf(Xxh3(values.data(), values.size() * sizeof(Element))));
}

}  // namespace

ShardEntry WriteShard(const std::string& folder, const std::string& file, Part part,
                      const std::string& task_by, const ShardContent& content) {
  CheckContent(content);
  ShardEntry entry;
  entry.file = file;
  entry.part = part;
  entry.task_count = content.task_count();
  entry.event_count = content.event_count();

  PendingFile pending(folder + "/" + file, kSharedFile);
  Hdf5File hdf5 = Hdf5File::Create(pending.temporary_path());
  hdf5.SetAttribute("/", shard_format::kKind, "shard");
  hdf5.SetAttribute("/", shard_format::kFormatVersion, shard_format::kVersion);
  hdf5.SetAttribute("/", shard_format::kTaskBy, task_by);
  hdf5.SetAttribute("/", shard_format::kPart, NameOf(part));
  hdf5.SetAttribute("/", shard_format::kTaskCount, entry.task_count);
  hdf5.SetAttribute("/", shard_format::kEventCount, entry.event_count);
  WriteColumn(shard_format::kTaskIds, content.task_ids, &hdf5, &entry);
  WriteColumn(shard_format::kOffsets, content.offsets, &hdf5, &entry);
  WriteColumn(shard_format::kItems, content.items, &hdf5, &entry);
  if (!content.times.empty()) WriteColumn(shard_format::kTimes, content.times, &hdf5, &entry);
  WriteColumn(shard_format::kLabels, content.labels, &hdf5, &entry);
  if (!content.roles.empty()) WriteColumn(shard_format::kRoles, content.roles, &hdf5, &entry);
  const WrittenFile written = hdf5.Close();
  pending.Commit();
  entry.size_bytes = written.size_bytes;
  entry.sha256 = written.sha256;
  return entry;
}

}  // namespace hearth

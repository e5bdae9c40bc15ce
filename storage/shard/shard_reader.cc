#include <algorithm>
#include <cstddef>
#include <optional>

#include "common/error.h"
#include "common/hash.h"
#include "storage/file/file_identity.h"
#include "storage/file/hdf5.h"
#include "storage/file/mapped_file.h"
#include "storage/shard/shard_file.h"
#include "storage/shard/shard_format.h"

namespace hearth {
namespace {

constexpr uint8_t kLastRole = static_cast<uint8_t>(EventRole::kQuery);

/// The index of the first value that is not below the limit, or -1. The common case (no such value)
/// is one vectorised pass.
template <typename Value>
int64_t FirstNotBelow(std::span<const Value> values, uint64_t limit) {
  uint64_t largest = 0;
  for (const Value value : values) largest = std::max<uint64_t>(largest, value);
  if (values.empty() || largest < limit) return -1;
  const auto bad =
      std::find_if(values.begin(), values.end(), [&](uint64_t value) { return value >= limit; });
  return bad - values.begin();
}

void CheckAttributes(const Hdf5File& file, const ShardEntry& entry) {
  const int64_t version = file.IntAttribute("/", shard_format::kFormatVersion);
  if (version != shard_format::kVersion) {
    throw DataError("'{}' is of shard format {}; this hearth reads format {}", file.path(), version,
                    shard_format::kVersion);
  }
  const std::string kind = file.TextAttribute("/", shard_format::kKind);
  if (kind != "shard") throw DataError("'{}' holds '{}', expected a shard", file.path(), kind);
  const std::string part = file.TextAttribute("/", shard_format::kPart);
  if (part != NameOf(entry.part)) {
    throw DataError("'{}' is of part '{}', the manifest lists it under '{}'", file.path(), part,
                    NameOf(entry.part));
  }
}

void CheckCount(const Hdf5File& file, const char* name, int64_t manifest_count) {
  const int64_t count = file.IntAttribute("/", name);
  if (count != manifest_count) {
    throw DataError("'{}' has {} {}, the manifest says {}", file.path(), name, count,
                    manifest_count);
  }
}

/// The manifest's hash of a column, or null.
const std::string* ListedXxh3(const ShardEntry& entry, const shard_format::Column& column) {
  const auto listed = std::find_if(entry.column_xxh3.begin(), entry.column_xxh3.end(),
                                   [&](const auto& pair) { return pair.first == column.key; });
  return listed == entry.column_xxh3.end() ? nullptr : &listed->second;
}

}  // namespace

struct ShardReader::State {
  std::string path;
  FileIdentity identity;
  std::optional<MappedFile> mapped;                 // kMmap
  std::vector<std::unique_ptr<std::byte[]>> owned;  // columns that were read into memory
  std::span<const int64_t> task_ids, offsets, times;
  std::span<const uint32_t> items;
  std::span<const float> labels;
  std::span<const uint8_t> roles;

  /// Returns a column of exactly `count` elements: a view of the mapping if possible, else (no
  /// mapping, or a writer that did not align the column to its element) a copy. If the read of a
  /// copy had to be repeated, the copy is compared with the manifest's XXH3.
  template <typename Element>
  std::span<const Element> Column(const Hdf5File& hdf5, const FileDescriptor& file,
                                  const ShardEntry& entry, const shard_format::Column& column,
                                  int64_t count) {
    const DatasetInfo info = hdf5.Describe(column.dataset);
    if (info.type != ColumnTypeOf<Element>() || info.shape.size() != 1 ||
        info.element_count != count) {
      throw DataError("'{}': {} is {} [{}], expected {} [{}]", path, column.dataset,
                      NameOf(info.type), fmt::join(info.shape, ", "),
                      NameOf(ColumnTypeOf<Element>()), count);
    }
    if (count == 0) return {};
    const size_t size = count;
    if (mapped) {
      if (info.offset_bytes > mapped->size_bytes() - info.size_bytes) {
        throw DataError("'{}' became shorter while it was opened; was it replaced?", path);
      }
      constexpr int64_t kAlignment = alignof(Element);
      if (info.offset_bytes % kAlignment == 0) {
        return {reinterpret_cast<const Element*>(mapped->data() + info.offset_bytes), size};
      }
    }
    owned.push_back(std::make_unique_for_overwrite<std::byte[]>(size * sizeof(Element)));
    const bool read_again = file.ReadAt(owned.back().get(), info.size_bytes, info.offset_bytes);
    const std::span<const Element> values(reinterpret_cast<const Element*>(owned.back().get()),
                                          size);
    if (const std::string* const listed = ListedXxh3(entry, column); read_again && listed) {
      RequireXxh3(column, values, *listed);
    }
    return values;
  }

  void CheckOffsets(int64_t event_count) const {
    if (offsets.front() != 0) {
      throw DataError("'{}': {} starts with {}, expected 0", path, shard_format::kOffsets.dataset,
                      offsets.front());
    }
    for (size_t task = 0; task + 1 < offsets.size(); ++task) {
      if (offsets[task + 1] < offsets[task]) {
        throw DataError("'{}': {} decreases at row {} ({} after {})", path,
                        shard_format::kOffsets.dataset, task + 1, offsets[task + 1], offsets[task]);
      }
    }
    if (offsets.back() != event_count) {
      throw DataError("'{}': {} ends with {}, expected the {} events of the file", path,
                      shard_format::kOffsets.dataset, offsets.back(), event_count);
    }
  }

  template <typename Element>
  void VerifyColumn(const ShardEntry& entry, const shard_format::Column& column,
                    std::span<const Element> values) const {
    const std::string* const listed = ListedXxh3(entry, column);
    const bool optional =
        column.key == shard_format::kTimes.key || column.key == shard_format::kRoles.key;
    if (listed == nullptr) {
      if (optional && values.empty()) return;
      throw DataError("'{}': the manifest has no XXH3 of {}", path, column.dataset);
    }
    RequireXxh3(column, values, *listed);
  }

  template <typename Element>
  void RequireXxh3(const shard_format::Column& column, std::span<const Element> values,
                   const std::string& listed) const {
    const std::string found = HexOf(Xxh3(values.data(), values.size_bytes()));
    if (found != listed) {
      throw DataError("'{}': {} is damaged: its XXH3 is {}, the manifest says {}", path,
                      column.dataset, found, listed);
    }
  }
};

ShardReader::ShardReader(const std::string& path, const ShardEntry& entry, ReadMode mode)
    : ShardReader(FileDescriptor::OpenForReading(path), entry, mode) {}

ShardReader::ShardReader(const FileDescriptor& file, const ShardEntry& entry, ReadMode mode)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  const std::string& path = state.path = file.path();
  state.identity = IdentityOf(file);
  if (state.identity.size_bytes != entry.size_bytes) {
    throw DataError("'{}' has {} bytes, the manifest says {}: it is cut short or replaced", path,
                    state.identity.size_bytes, entry.size_bytes);
  }
  if (mode == ReadMode::kMmap) state.mapped.emplace(file);

  const Hdf5File hdf5 = Hdf5File::OpenReadOnly(file);
  CheckAttributes(hdf5, entry);
  CheckCount(hdf5, shard_format::kTaskCount, entry.task_count);
  CheckCount(hdf5, shard_format::kEventCount, entry.event_count);
  const int64_t tasks = entry.task_count;
  const int64_t events = entry.event_count;
  state.task_ids = state.Column<int64_t>(hdf5, file, entry, shard_format::kTaskIds, tasks);
  state.offsets = state.Column<int64_t>(hdf5, file, entry, shard_format::kOffsets, tasks + 1);
  state.items = state.Column<uint32_t>(hdf5, file, entry, shard_format::kItems, events);
  state.labels = state.Column<float>(hdf5, file, entry, shard_format::kLabels, events);
  if (hdf5.Exists(shard_format::kTimes.dataset)) {
    state.times = state.Column<int64_t>(hdf5, file, entry, shard_format::kTimes, events);
  }
  if (hdf5.Exists(shard_format::kRoles.dataset)) {
    state.roles = state.Column<uint8_t>(hdf5, file, entry, shard_format::kRoles, events);
  }
  state.CheckOffsets(events);
  if (const int64_t row = FirstNotBelow(state.roles, kLastRole + 1); row >= 0) {
    throw DataError("'{}': {} row {} is {}, expected 0, 1 or 2", path, shard_format::kRoles.dataset,
                    row, state.roles[row]);
  }
}

ShardReader::~ShardReader() = default;

const std::string& ShardReader::path() const { return state_->path; }
int64_t ShardReader::task_count() const { return std::ssize(state_->task_ids); }
int64_t ShardReader::event_count() const { return std::ssize(state_->items); }
std::span<const int64_t> ShardReader::offsets() const { return state_->offsets; }
std::span<const int64_t> ShardReader::task_ids() const { return state_->task_ids; }

TaskView ShardReader::task(int64_t index) const {
  const State& state = *state_;
  HEARTH_CHECK(index >= 0 && index < task_count(), "task {} of {}", index, task_count());
  const int64_t begin = state.offsets[index], end = state.offsets[index + 1];
  // Both were in order when the file was opened.
  if (begin < 0 || begin > end || end > event_count()) RefuseChanged();
  const int64_t count = end - begin;
  TaskView view;
  view.id = state.task_ids[index];
  view.items = state.items.subspan(begin, count);
  view.labels = state.labels.subspan(begin, count);
  if (!state.times.empty()) view.times = state.times.subspan(begin, count);
  if (!state.roles.empty()) view.roles = state.roles.subspan(begin, count);
  return view;
}

void ShardReader::CheckIds(int64_t task_entity_count, int64_t event_entity_count) const {
  const State& state = *state_;
  // A negative task id becomes a huge unsigned number, so one comparison finds both errors.
  int64_t row = FirstNotBelow(state.task_ids, task_entity_count);
  if (row >= 0) {
    throw DataError("'{}': {} row {} is {}, expected 0..{}", path(), shard_format::kTaskIds.dataset,
                    row, state.task_ids[row], task_entity_count - 1);
  }
  row = FirstNotBelow(state.items, event_entity_count);
  if (row >= 0) {
    throw DataError("'{}': {} row {} is {}, expected 0..{}", path(), shard_format::kItems.dataset,
                    row, state.items[row], event_entity_count - 1);
  }
}

void ShardReader::CheckColumns(bool has_time, bool has_roles) const {
  if (event_count() == 0) return;
  const auto check = [&](const shard_format::Column& column, bool found, bool promised) {
    if (found != promised) {
      throw DataError("'{}' has {} {}, unlike its manifest", path(), found ? "a" : "no",
                      column.dataset);
    }
  };
  check(shard_format::kTimes, !state_->times.empty(), has_time);
  check(shard_format::kRoles, !state_->roles.empty(), has_roles);
}

void ShardReader::CheckLabels(float min, float max) const {
  const std::span<const float> labels = state_->labels;
  const auto is_outside = [=](float label) { return !(label >= min && label <= max); };
  bool outside = false;
  for (const float label : labels) outside |= is_outside(label);
  if (!outside) return;
  const auto bad = std::find_if(labels.begin(), labels.end(), is_outside);
  throw DataError("'{}': {} row {} is {}, expected {}..{}", path(), shard_format::kLabels.dataset,
                  bad - labels.begin(), *bad, min, max);
}

void ShardReader::CheckUnchanged() const { RequireUnchanged(path(), state_->identity); }

void ShardReader::RefuseChanged() const {
  CheckUnchanged();
  throw DataError(
      "'{}' has other values than when it was opened: keep a data set as it is until its run ends",
      path());
}

void ShardReader::VerifyColumns(const ShardEntry& entry) const {
  state_->VerifyColumn(entry, shard_format::kTaskIds, state_->task_ids);
  state_->VerifyColumn(entry, shard_format::kOffsets, state_->offsets);
  state_->VerifyColumn(entry, shard_format::kItems, state_->items);
  state_->VerifyColumn(entry, shard_format::kTimes, state_->times);
  state_->VerifyColumn(entry, shard_format::kLabels, state_->labels);
  state_->VerifyColumn(entry, shard_format::kRoles, state_->roles);
}

void ShardReader::Prefetch() const {
  if (state_->mapped) state_->mapped->Prefetch();
}

}  // namespace hearth

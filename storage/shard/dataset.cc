#include "storage/shard/dataset.h"

#include <atomic>
#include <mutex>

#include "common/error.h"
#include "common/hash.h"
#include "storage/shard/stage.h"

namespace hearth {
namespace {

void CheckSha256(const std::string& path, const std::string& expected) {
  const std::string found = Sha256OfFile(path);
  if (found != expected) {
    throw DataError("'{}' is damaged or replaced: its SHA-256 is {}, the manifest says {}", path,
                    found, expected);
  }
}

/// The hash is compared before HDF5 sees the file.
EntityTable OpenEntities(const std::string& path, const std::string& sha256, int64_t count) {
  CheckSha256(path, sha256);
  EntityTable table = ReadEntities(path);
  if (table.size() != count) {
    throw DataError("'{}' has {} entities, the manifest says {}", path, table.size(), count);
  }
  return table;
}

DatasetOptions Staged(DatasetOptions options) {
  if (!options.stage.empty()) options.path = StageDataset(options.path, options.stage);
  return options;
}

}  // namespace

struct Dataset::Readers {
  struct Slot {
    std::atomic<const ShardReader*> ready{nullptr};  // set once; the fast path
    std::mutex opening;
    std::unique_ptr<ShardReader> reader;
  };
  explicit Readers(size_t count) : slots(count) {}
  std::vector<Slot> slots;
};

Dataset::Dataset(const DatasetOptions& options)
    : options_(Staged(options)), manifest_(ReadManifest(options_.path)) {
  users_ = OpenEntities(options_.path + "/" + manifest_.users_file, manifest_.users_sha256,
                        manifest_.user_count);
  items_ = OpenEntities(options_.path + "/" + manifest_.items_file, manifest_.items_sha256,
                        manifest_.item_count);
  if (options_.verify) {
    for (const ShardEntry& entry : manifest_.shards) {
      CheckSha256(options_.path + "/" + entry.file, entry.sha256);
    }
  }
  readers_ = std::make_unique<Readers>(manifest_.shards.size());
}

Dataset::~Dataset() = default;

std::vector<int64_t> Dataset::ShardsOf(Part part) const {
  std::vector<int64_t> indices;
  for (size_t i = 0; i < manifest_.shards.size(); ++i) {
    if (manifest_.shards[i].part == part) indices.push_back(static_cast<int64_t>(i));
  }
  return indices;
}

const ShardReader& Dataset::Shard(int64_t index) const {
  HEARTH_CHECK(index >= 0 && index < std::ssize(manifest_.shards), "shard {} of {}", index,
               manifest_.shards.size());
  Readers::Slot& slot = readers_->slots[static_cast<size_t>(index)];
  if (const ShardReader* const ready = slot.ready.load(std::memory_order_acquire)) return *ready;

  const std::lock_guard lock(slot.opening);
  if (slot.reader == nullptr) {
    slot.reader = OpenShard(index);
    slot.ready.store(slot.reader.get(), std::memory_order_release);
  }
  return *slot.reader;
}

std::unique_ptr<ShardReader> Dataset::OpenShard(int64_t index) const {
  HEARTH_CHECK(index >= 0 && index < std::ssize(manifest_.shards), "shard {} of {}", index,
               manifest_.shards.size());
  const ShardEntry& entry = manifest_.shards[static_cast<size_t>(index)];
  auto reader =
      std::make_unique<ShardReader>(options_.path + "/" + entry.file, entry, options_.read);
  reader->CheckIds(task_entities().size(), event_entities().size());
  reader->CheckColumns(manifest_.has_time, manifest_.has_roles);
  return reader;
}

}  // namespace hearth

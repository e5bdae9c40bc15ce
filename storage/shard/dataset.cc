#include "storage/shard/dataset.h"

#include <atomic>
#include <mutex>

#include "common/error.h"
#include "common/hash.h"
#include "storage/file/folder_trust.h"
#include "storage/shard/file_gate.h"
#include "storage/shard/stage.h"

namespace hearth {
namespace {

EntityTable OpenEntities(const std::string& path, const std::string& sha256, int64_t count,
                         FileGate* gate) {
  const FileDescriptor file = OpenListedFile(path);
  const auto read = [&] {
    EntityTable table = ReadEntities(file);
    CheckNumbers(path, table);
    return table;
  };
  if (gate != nullptr) gate->Admit({{&file, sha256, read}});
  EntityTable table = read();
  if (table.size() != count) {
    throw DataError("'{}' has {} entities, the manifest says {}", path, table.size(), count);
  }
  return table;
}

DatasetOptions Staged(DatasetOptions options) {
  RequireTrustedFolder(options.path);
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
    : options_(Staged(options)),
      manifest_(ReadManifest(options_.path)),
      gate_(options_.verify ? std::make_unique<FileGate>() : nullptr),
      readers_(std::make_unique<Readers>(manifest_.shards.size())) {
  users_ = std::make_shared<const EntityTable>(
      OpenEntities(options_.path + "/" + manifest_.users_file, manifest_.users_sha256,
                   manifest_.user_count, gate_.get()));
  items_ = std::make_shared<const EntityTable>(
      OpenEntities(options_.path + "/" + manifest_.items_file, manifest_.items_sha256,
                   manifest_.item_count, gate_.get()));
}

Dataset::~Dataset() = default;

std::vector<int64_t> Dataset::ShardsOf(Part part) const {
  std::vector<int64_t> indices;
  for (size_t i = 0; i < manifest_.shards.size(); ++i) {
    if (manifest_.shards[i].part == part) indices.push_back(i);
  }
  return indices;
}

const ShardReader& Dataset::Shard(int64_t index) const {
  HEARTH_CHECK(index >= 0 && index < std::ssize(manifest_.shards), "shard {} of {}", index,
               manifest_.shards.size());
  Readers::Slot& slot = readers_->slots[index];
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
  const ShardEntry& entry = manifest_.shards[index];
  const FileDescriptor file = OpenListedFile(options_.path + "/" + entry.file);
  const auto open = [&] {
    auto reader = std::make_unique<ShardReader>(file, entry, options_.read);
    CheckContent(*reader);
    return reader;
  };
  if (gate_ != nullptr) gate_->Admit({{&file, entry.sha256, open}});
  return open();
}

void Dataset::AdmitShards(int64_t first, int64_t stride) const {
  // The batches are small: each file needs a descriptor, and a process has about a thousand.
  constexpr size_t kBatch = 128;
  std::vector<FileDescriptor> files;
  files.reserve(kBatch);
  std::vector<FileGate::File> batch;
  for (int64_t index = first; index < std::ssize(manifest_.shards); index += stride) {
    const ShardEntry& entry = manifest_.shards[index];
    const FileDescriptor& file =
        files.emplace_back(OpenListedFile(options_.path + "/" + entry.file));
    const auto parse = [this, &file, &entry] {
      CheckContent(ShardReader(file, entry, options_.read));
    };
    batch.push_back({&file, entry.sha256, parse});
    if (batch.size() < kBatch && index + stride < std::ssize(manifest_.shards)) continue;
    gate_->Admit(batch);
    batch.clear();
    files.clear();
  }
}

std::vector<BadShard> Dataset::CheckShards(int64_t first, int64_t stride) const {
  if (gate_ == nullptr) return {};
  try {
    AdmitShards(first, stride);
    return {};
  } catch (const DataError&) {
    if (options_.max_bad_shards == 0) throw;
  } catch (const StorageError&) {
    if (options_.max_bad_shards == 0) throw;
  }
  // There is a bad shard, so each shard is opened on its own. The gate remembers the good shards of
  // earlier batches.
  std::vector<BadShard> bad;
  for (int64_t index = first; index < std::ssize(manifest_.shards); index += stride) {
    const std::string& file = manifest_.shards[index].file;
    try {
      OpenShard(index);
    } catch (const DataError& error) {
      bad.push_back({file, error.what()});
    } catch (const StorageError& error) {
      bad.push_back({file, error.what()});
    }
  }
  return bad;
}

void Dataset::LeaveOut(const std::vector<BadShard>& shards) {
  if (shards.empty()) return;
  if (std::ssize(shards) > options_.max_bad_shards) {
    throw DataError(
        "'{}': {} of {} shards cannot be used, and data.max_bad_shards is {}; the first: {}; bring "
        "them back, or allow more to be left out",
        options_.path, shards.size(), manifest_.shards.size(), options_.max_bad_shards,
        shards.front().reason);
  }
  std::map<std::string, std::string> reasons;  // [file]
  for (const BadShard& shard : shards) reasons.emplace(shard.file, shard.reason);
  const DatasetManifest before = manifest_;
  manifest_.shards.clear();
  for (const ShardEntry& entry : before.shards) {
    const auto reason = reasons.extract(entry.file);
    if (reason.empty()) {
      manifest_.shards.push_back(entry);
    } else {
      left_out_.push_back({entry.file, reason.mapped()});
      manifest_.event_count -= entry.event_count;
    }
  }
  if (!reasons.empty()) {
    throw DataError("'{}' has no shard '{}' to leave out", options_.path, reasons.begin()->first);
  }
  for (const ShardEntry& entry : before.shards) {
    if (!ShardsOf(entry.part).empty()) continue;
    throw DataError("'{}': no shard of part {} can be used; the first: {}; bring it back",
                    options_.path, NameOf(entry.part), left_out_.front().reason);
  }
  readers_ = std::make_unique<Readers>(manifest_.shards.size());
}

std::string Dataset::Hash() const {
  std::string text = ManifestHash(options_.path);
  if (left_out_.empty()) return text;
  for (const BadShard& shard : left_out_) text += " without " + shard.file;
  return Sha256Hex(text);
}

void Dataset::CheckContent(const ShardReader& reader) const {
  reader.CheckIds(task_entities().size(), event_entities().size());
  reader.CheckColumns(manifest_.has_time, manifest_.has_roles);
  reader.CheckLabels(manifest_.label_min, manifest_.label_max);
}

}  // namespace hearth

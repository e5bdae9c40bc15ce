#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/file/file_descriptor.h"
#include "storage/shard/feature_table.h"
#include "storage/shard/part.h"
#include "storage/shard/shard_file.h"

namespace hearth {

class FileGate;

/// `manifest.json` of a data set: describes the folder, with a SHA-256 per file.
struct DatasetManifest {
  /// Version 2 has positive events with labels other than 1; any other data set is written as
  /// version 1, which older hearths read.
  static constexpr int kFormatVersion = 2;

  std::string name;              ///< display name, e.g. "ml-100k"
  std::string task_by = "user";  ///< "user", "item", or the column that forms tasks
  bool has_time = false;         ///< shards carry times
  bool has_roles = false;        ///< shards carry given support/query roles
  /// Every event is positive: its label is 1 or a strength > 0, such as the weight of its type or a
  /// count. An item without an event is unknown, not disliked.
  bool positive_only = false;
  float label_min = 0, label_max = 0;
  int64_t user_count = 0, item_count = 0;
  int64_t event_count = 0;         ///< over all parts
  std::vector<ShardEntry> shards;  ///< ordered by part (AllParts()), then by number
  std::string users_file = "users.h5", users_sha256;
  std::string items_file = "items.h5", items_sha256;
  /// A JSON object as text, or "". It names the importer, the input files with their hashes, and
  /// the options.
  std::string source;
  std::string tool_version;
  /// Facts that the data set's maker knows, e.g. {"truth_rmse/test/user_cold": 0.71} from the
  /// simulator.
  std::map<std::string, double> facts;

  /// True if the labels of positive events differ from 1.
  bool HasStrengths() const { return positive_only && (label_min != 1 || label_max != 1); }
  /// Sums over the shards of a part.
  int64_t TaskCount(Part part) const;
  int64_t EventCount(Part part) const;
};

DatasetManifest ReadManifest(const std::string& folder);
/// Reads the text of a manifest. Checks sizes, depth, types, ranges and names, and refuses unknown,
/// missing and duplicate keys. Throws DataError; its message begins with `where`.
DatasetManifest ParseDatasetManifest(std::string_view text, const std::string& where);
/// Writes the manifest atomically. It is the last file to be written: a folder without a manifest
/// is not a data set.
void WriteManifest(const std::string& folder, const DatasetManifest& manifest);
/// SHA-256 of the manifest file: the identity of a data set in checkpoints and reports.
std::string ManifestHash(const std::string& folder);

/// Write and read users.h5 or items.h5. WriteEntities returns the file's SHA-256.
std::string WriteEntities(const std::string& path, const EntityTable& table);
EntityTable ReadEntities(const std::string& path);
EntityTable ReadEntities(const FileDescriptor& file);
/// Throws DataError naming file, feature and entity if a number is infinite (NaN means "missing").
void CheckNumbers(const std::string& path, const EntityTable& table);

struct DatasetOptions {
  std::string path;  ///< folder with manifest.json
  ReadMode read = ReadMode::kMmap;
  /// true: before its first use, every file is compared with the manifest's SHA-256 and tried in a
  /// sandbox, unless this host remembers it. false: the files are trusted.
  bool verify = true;
  /// Folder on a disk of this host. The data set is copied there first (StageDataset); empty: it is
  /// not copied.
  std::string stage = {};
  /// The number of missing or damaged shards that may be left out; 0: each of them ends the
  /// command. It needs `verify`, because those checks find the bad shards, and no `stage`, because
  /// a staged copy is always whole.
  int64_t max_bad_shards = 0;
};

/// A shard that cannot be used, and the reason.
struct BadShard {
  std::string file;  ///< as in the manifest
  std::string reason;
};

/// An opened data set: manifest, users, items, and readers of its shards. A reader is opened on
/// first use and kept (mapping a file costs address space, not memory). Thread safe after
/// construction. HDF5 in this process opens no file before it passed a FileGate
/// (DatasetOptions::verify).
class Dataset {
 public:
  /// Throws DataError / StorageError naming the file and its fault.
  explicit Dataset(const DatasetOptions& options);
  ~Dataset();

  const DatasetManifest& manifest() const { return manifest_; }
  const std::string& path() const { return options_.path; }
  const EntityTable& users() const { return *users_; }
  const EntityTable& items() const { return *items_; }

  /// The side that owns tasks (users, or items when task_by is "item"), and the side that events
  /// refer to: the other one.
  const EntityTable& task_entities() const { return by_item() ? *items_ : *users_; }
  const EntityTable& event_entities() const { return by_item() ? *users_ : *items_; }
  /// The same tables, which may outlive the data set.
  std::shared_ptr<const EntityTable> shared_task_entities() const {
    return by_item() ? items_ : users_;
  }
  std::shared_ptr<const EntityTable> shared_event_entities() const {
    return by_item() ? users_ : items_;
  }

  /// Indexes into manifest().shards of one part, in order.
  std::vector<int64_t> ShardsOf(Part part) const;
  /// The reader of manifest().shards[index].
  const ShardReader& Shard(int64_t index) const;
  /// Opens the same shard anew and checks it against the manifest, like the first Shard(). The
  /// caller alone keeps the reader. Throws DataError or StorageError naming the file.
  std::unique_ptr<ShardReader> OpenShard(int64_t index) const;

  /// Checks the shards `first`, `first` + `stride`, ... before they are used: the ranks of a host
  /// divide the shards, and a bad shard is found at the start. Does nothing if
  /// DatasetOptions::verify is off. Returns the bad shards when some may be left out
  /// (`max_bad_shards`), else throws DataError or StorageError naming the first.
  std::vector<BadShard> CheckShards(int64_t first, int64_t stride) const;

  /// Removes these shards from manifest(), ShardsOf() and Hash(). Indexes of shards change. Every
  /// rank must call this with the same shards, before any other use of the data set. Throws
  /// DataError when there are more shards than DatasetOptions::max_bad_shards, when a part would
  /// lose its last shard (results would not be comparable then), or when a file is no shard of this
  /// data set.
  void LeaveOut(const std::vector<BadShard>& shards);
  /// The shards left out, in the order of the manifest.
  const std::vector<BadShard>& left_out() const { return left_out_; }
  /// The identity of the data that is read, for checkpoints: the manifest's hash, unless shards
  /// were left out.
  std::string Hash() const;

 private:
  void AdmitShards(int64_t first, int64_t stride) const;
  void CheckContent(const ShardReader& reader) const;
  bool by_item() const { return manifest_.task_by == "item"; }

  DatasetOptions options_;
  DatasetManifest manifest_;  // lacks the shards that were left out
  std::vector<BadShard> left_out_;
  std::shared_ptr<const EntityTable> users_, items_;
  std::unique_ptr<FileGate> gate_;  // null when the files are trusted
  struct Readers;
  std::unique_ptr<Readers> readers_;
};

}  // namespace hearth

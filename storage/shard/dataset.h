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

/// `manifest.json` of a data set: what is in the folder, with a SHA-256 per file.
struct DatasetManifest {
  static constexpr int kFormatVersion = 1;

  std::string name;              ///< display name, e.g. "ml-100k"
  std::string task_by = "user";  ///< "user", "item", or the column that forms tasks
  bool has_time = false;         ///< shards carry times
  bool has_roles = false;        ///< shards carry given support/query roles
  bool positive_only = false;    ///< every event is a positive (label 1)
  float label_min = 0, label_max = 0;
  int64_t user_count = 0, item_count = 0;
  int64_t event_count = 0;         ///< over all parts
  std::vector<ShardEntry> shards;  ///< ordered by part (AllParts()), then by number
  std::string users_file = "users.h5", users_sha256;
  std::string items_file = "items.h5", items_sha256;
  /// A JSON object as text, or "": importer, input files with their hashes, options.
  std::string source;
  std::string tool_version;
  /// Facts the maker knows, e.g. {"truth_rmse/test/user_cold": 0.71} from the simulator.
  std::map<std::string, double> facts;

  /// Sums over the shards of a part.
  int64_t TaskCount(Part part) const;
  int64_t EventCount(Part part) const;
};

DatasetManifest ReadManifest(const std::string& folder);
/// The same for the text of a manifest. Sizes, depth, types, ranges, names, unknown, missing and
/// duplicate keys are checked. Throws DataError beginning with `where`.
DatasetManifest ParseDatasetManifest(std::string_view text, const std::string& where);
/// Written last and atomically: a folder without a manifest is not a data set.
void WriteManifest(const std::string& folder, const DatasetManifest& manifest);
/// SHA-256 of the manifest file: the identity of a data set in checkpoints and reports.
std::string ManifestHash(const std::string& folder);

/// users.h5 / items.h5. WriteEntities returns the file's SHA-256.
std::string WriteEntities(const std::string& path, const EntityTable& table);
EntityTable ReadEntities(const std::string& path);
EntityTable ReadEntities(const FileDescriptor& file);
/// Throws DataError naming file, feature and entity if a number is infinite (NaN says "missing").
void CheckNumbers(const std::string& path, const EntityTable& table);

struct DatasetOptions {
  std::string path;  ///< folder with manifest.json
  ReadMode read = ReadMode::kMmap;
  /// Compare every file with the manifest's SHA-256 and try it in a sandbox before it is first
  /// read, unless this host remembers it. false: the files are trusted.
  bool verify = true;
  /// Folder on a disk of this host that the data set is copied to first (StageDataset); empty: no.
  std::string stage = {};
  /// So many shards that are missing or damaged may be left out; 0: each ends the command. What
  /// finds them are the checks of `verify`, and a staged copy is whole: neither goes without.
  int64_t max_bad_shards = 0;
};

/// A shard that cannot be used, and why.
struct BadShard {
  std::string file;  ///< as in the manifest
  std::string reason;
};

/// An opened data set: manifest, users, items, and readers of its shards, opened on first use and
/// kept (mapping a file costs address space, not memory). Thread safe after construction.
/// No file is given to HDF5 in this process before it passed a FileGate (DatasetOptions::verify).
class Dataset {
 public:
  /// Throws DataError / StorageError naming the file and what is wrong with it.
  explicit Dataset(const DatasetOptions& options);
  ~Dataset();

  const DatasetManifest& manifest() const { return manifest_; }
  const std::string& path() const { return options_.path; }
  const EntityTable& users() const { return *users_; }
  const EntityTable& items() const { return *items_; }

  /// The side that owns tasks and the side an event refers to (swapped when task_by is "item").
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
  /// The same opened anew, as Shard() does on first use: checked against the manifest, and kept by
  /// the caller alone. Throws DataError or StorageError naming the file.
  std::unique_ptr<ShardReader> OpenShard(int64_t index) const;

  /// Checks the shards `first`, `first` + `stride`, ... before they are used, all in one go: the
  /// ranks of a host divide its shards, and a bad one is found at the start. Nothing to do without
  /// DatasetOptions::verify. Returns the bad ones when some may be left out (`max_bad_shards`),
  /// else throws DataError or StorageError naming the first.
  std::vector<BadShard> CheckShards(int64_t first, int64_t stride) const;

  /// From now on the data set is as if these shards had never been listed: manifest(), ShardsOf()
  /// and Hash() know nothing of them, and indexes of shards change. Call before anything else uses
  /// the data set, with the same shards on every rank. Throws DataError when they are more than
  /// DatasetOptions::max_bad_shards, or the last ones of a part: results without it would be of
  /// another kind. Throws DataError also when a file is none of its shards.
  void LeaveOut(const std::vector<BadShard>& shards);
  /// Those, in the order of the manifest.
  const std::vector<BadShard>& left_out() const { return left_out_; }
  /// The identity of what is read, for checkpoints: the manifest's hash, unless shards were left
  /// out.
  std::string Hash() const;

 private:
  void AdmitShards(int64_t first, int64_t stride) const;
  void CheckContent(const ShardReader& reader) const;
  bool by_item() const { return manifest_.task_by == "item"; }

  DatasetOptions options_;
  DatasetManifest manifest_;  // without the shards that were left out
  std::vector<BadShard> left_out_;
  std::shared_ptr<const EntityTable> users_, items_;
  std::unique_ptr<FileGate> gate_;  // null when the files are trusted
  struct Readers;
  std::unique_ptr<Readers> readers_;
};

}  // namespace hearth

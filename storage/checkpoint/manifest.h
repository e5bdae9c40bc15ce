#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "storage/checkpoint/array.h"

namespace hearth {

/// What a part file says of its TouchedRows of one name.
struct TouchedRecord {
  std::string name;
  RowRange range;
  int64_t count = 0;

  bool operator==(const TouchedRecord&) const = default;
};

/// What one part file holds of one array.
struct PartArray {
  ArraySpec spec;                ///< of the whole array
  std::vector<RowRange> slices;  ///< non-empty, ascending; none when this part only names the array
  std::optional<TouchedRecord> touched = {};  ///< in place of slices
};

/// One rank's file of a checkpoint, as recorded in the manifest.
struct CheckpointPart {
  std::string file;  ///< "part-00002-of-00004.h5"
  int rank = 0;
  int64_t size_bytes = 0;
  std::string sha256;
  std::map<std::string, PartArray> arrays;
};

/// Name and value of the validation metric a checkpoint was taken with.
struct CheckpointMetric {
  std::string name;
  double value = 0;
};

/// The checkpoint of the same run that a delta checkpoint holds the changes since.
struct CheckpointBase {
  int64_t step = 0;
  std::string manifest_sha256;  ///< CheckpointManifest::sha256 of the base

  bool operator==(const CheckpointBase&) const = default;
};

/// MANIFEST.json of a checkpoint: the commit point. Its own SHA-256 is its first field, so a change
/// of any byte is noticed (docs/checkpoint-format.md).
struct CheckpointManifest {
  static constexpr int64_t kFormatVersion = 2;  ///< whole checkpoints are written as version 1
  static constexpr int kMostDeltas = 256;       ///< one upon the other
  static constexpr int64_t kMaxSizeBytes = int64_t{16} << 20;

  std::string sha256;  ///< of the text it was parsed from: its identity; not written
  std::string run_id;  ///< IsPlainName
  int64_t step = 0;
  int64_t epoch = 0;
  std::optional<CheckpointBase> base;  ///< of a delta checkpoint
  int world_size = 1;        ///< ranks that wrote it = number of parts; any number may read it
  std::string config_hash;   ///< SHA-256 of the resolved configuration, or empty
  std::string data_hash;     ///< Dataset::Hash, or empty
  std::string tool_version;  ///< of hearth
  std::optional<CheckpointMetric> metric;
  /// Small state: sampler, counters, early stopping. An object, at most 15 levels deep, finite.
  nlohmann::json scalars = nlohmann::json::object();
  std::vector<CheckpointPart> parts;  ///< [rank]

  /// Sum over the parts.
  int64_t size_bytes() const;
  /// Every array of the checkpoint by name. Throws DataError naming `where` unless all parts agree
  /// about each array and their slices, and ranges of touched rows, which need a base, cover its
  /// rows exactly once.
  std::map<std::string, ArraySpec> Arrays(const std::string& where) const;
};

/// "part-00002-of-00004.h5"
std::string PartFileName(int rank, int world_size);

/// The text of MANIFEST.json. Throws NumericError naming the field if a number is not finite, and
/// DataError like Arrays(); a checkpoint that could not be read back is never written.
std::string SerializeManifest(const CheckpointManifest& manifest);

/// Strict inverse: size, depth, own hash, unknown, missing and duplicate keys, types, ranges, names
/// and coverage are checked. Throws DataError naming `where` and the field.
CheckpointManifest ParseManifest(std::string_view text, const std::string& where);

/// A part's record as one line of JSON and back, so that ranks can send it to rank 0.
std::string SerializePart(const CheckpointPart& part);
CheckpointPart ParsePart(std::string_view text, const std::string& where);

}  // namespace hearth

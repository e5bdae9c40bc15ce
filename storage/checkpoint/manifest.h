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

/// The record of the TouchedRows of one name in a piece.
struct TouchedRecord {
  std::string name;
  RowRange range;
  int64_t count = 0;

  bool operator==(const TouchedRecord&) const = default;
};

/// The rows of one array that one piece holds.
struct PieceArray {
  ArraySpec spec;                ///< of the whole array
  std::vector<RowRange> slices;  ///< not empty, ascending; none if the piece holds no row of it
  std::optional<TouchedRecord> touched = {};  ///< in place of slices
};

/// The manifest's record of one piece. A piece is one rank's file of a checkpoint. File names and
/// JSON keys call it "part".
struct CheckpointPiece {
  std::string file;  ///< "part-00002-of-00004.h5"
  int rank = 0;
  int64_t size_bytes = 0;
  std::string sha256;
  std::map<std::string, PieceArray> arrays;
};

/// Name and value of the validation metric at the time of a checkpoint.
struct CheckpointMetric {
  std::string name;
  double value = 0;
};

/// The base of a delta checkpoint: the delta holds the changes since this checkpoint of the same
/// run.
struct CheckpointBase {
  int64_t step = 0;
  std::string manifest_sha256;  ///< CheckpointManifest::sha256 of the base

  bool operator==(const CheckpointBase&) const = default;
};

/// MANIFEST.json of a checkpoint: the commit point. The first field is its own SHA-256, so a change
/// of any byte is noticed (docs/checkpoint-format.md).
struct CheckpointManifest {
  static constexpr int64_t kFormatVersion = 2;  ///< whole checkpoints are written as version 1
  static constexpr int kMostDeltas = 256;       ///< in a chain from a delta to its whole checkpoint
  static constexpr int64_t kMaxSizeBytes = int64_t{16} << 20;

  std::string sha256;  ///< of the parsed text: the checkpoint's identity; not written
  std::string run_id;  ///< IsPlainName
  int64_t step = 0;
  int64_t epoch = 0;
  std::optional<CheckpointBase> base;  ///< of a delta checkpoint
  int world_size = 1;        ///< ranks that wrote it = number of pieces; any number may read it
  std::string config_hash;   ///< SHA-256 of the resolved configuration, or empty
  std::string data_hash;     ///< Dataset::Hash, or empty
  std::string tool_version;  ///< of hearth
  std::optional<CheckpointMetric> metric;
  /// Small state: sampler, counters, early stopping. An object, at most 15 levels deep, finite.
  nlohmann::json scalars = nlohmann::json::object();
  std::vector<CheckpointPiece> pieces;  ///< [rank]

  /// Sum over the pieces.
  int64_t size_bytes() const;
  /// Every array of the checkpoint by name. Throws DataError naming `where` unless all pieces agree
  /// about each array, and their slices and ranges of touched rows together cover its rows exactly
  /// once. Touched rows need a base.
  std::map<std::string, ArraySpec> Arrays(const std::string& where) const;
};

/// "part-00002-of-00004.h5"
std::string PieceFileName(int rank, int world_size);

/// The text of MANIFEST.json. Throws NumericError naming the field if a number is not finite, and
/// DataError like Arrays(): a checkpoint that cannot be read back is never written.
std::string SerializeManifest(const CheckpointManifest& manifest);

/// The strict inverse. Checks size, depth, own hash, types, ranges, names and coverage, and refuses
/// unknown, missing and duplicate keys. Throws DataError naming `where` and the field.
CheckpointManifest ParseManifest(std::string_view text, const std::string& where);

/// Turn a piece's record into one line of JSON and back, so that ranks can send it to rank 0.
std::string SerializePiece(const CheckpointPiece& piece);
CheckpointPiece ParsePiece(std::string_view text, const std::string& where);

}  // namespace hearth

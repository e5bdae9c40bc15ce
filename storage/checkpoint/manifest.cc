#include "storage/checkpoint/manifest.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "common/error.h"
#include "common/hash.h"
#include "storage/file/json_fields.h"

namespace hearth {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kMaxDepth = 16;
constexpr int64_t kMaxInt = std::numeric_limits<int64_t>::max();
constexpr int kMaxWorldSize = 65536;
constexpr size_t kMaxDimensions = 8;
constexpr int64_t kMaxPieceBytes = int64_t{1} << 46;  // the sum over all ranks stays below 2^63
constexpr std::string_view kFormat = "hearth-checkpoint";

// The manifest's own hash comes first, at a fixed place. It is the hash of the whole text after its
// own digits have been replaced by zeros.
constexpr std::string_view kHashPrefix = "{\n  \"manifest_sha256\": \"";
constexpr size_t kHashDigits = 64;
const std::string kNoHash(kHashDigits, '0');

void CheckFinite(const json& value, const std::string& path) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    throw NumericError("checkpoint: '{}' is {}, not a finite number", path, value.get<double>());
  }
  if (!value.is_structured()) return;
  for (const auto& [key, child] : value.items()) CheckFinite(child, path + "/" + key);
}

ordered_json ToJson(const CheckpointPiece& piece) {
  ordered_json arrays = ordered_json::object();
  for (const auto& [name, array] : piece.arrays) {
    ordered_json& entry = arrays[name];
    entry = {{"type", NameOf(array.spec.type)}, {"shape", array.spec.shape}};
    if (array.touched) {
      const auto& [rows_name, range, count] = *array.touched;
      entry["touched"] = {
          {"name", rows_name}, {"range", {range.begin, range.end}}, {"count", count}};
      continue;
    }
    entry["rows"] = ordered_json::array();
    for (const RowRange& slice : array.slices) entry["rows"].push_back({slice.begin, slice.end});
  }
  return {{"file", piece.file},
          {"rank", piece.rank},
          {"size_bytes", piece.size_bytes},
          {"sha256", piece.sha256},
          {"arrays", std::move(arrays)}};
}

std::vector<int64_t> IntList(const json& list, const std::string& where) {
  std::vector<int64_t> values;
  for (const json& value : list) {
    const bool fits = value.is_number_unsigned() && value.get<uint64_t>() <= INT64_MAX;
    if (!fits) throw DataError("{}: must hold integers >= 0, found {}", where, value.dump());
    values.push_back(value.get<int64_t>());
  }
  return values;
}

ArraySpec ParseSpec(JsonFields& object, const std::string& where) {
  ArraySpec spec;
  const std::string& type_name = object.Text("type");
  const std::optional<ColumnType> type = ParseColumnType(type_name);
  if (!type) throw DataError("{}: unknown element type '{}'", where, type_name);
  spec.type = *type;
  spec.shape = IntList(object.Array("shape"), where + ": shape");
  if (spec.shape.empty() || spec.shape.size() > kMaxDimensions) {
    throw DataError("{}: shape must have 1..{} dimensions, found {}", where, kMaxDimensions,
                    spec.shape.size());
  }
  int64_t bytes = SizeOf(spec.type);
  for (const int64_t extent : spec.shape) {
    if (__builtin_mul_overflow(bytes, std::max<int64_t>(extent, 1), &bytes)) {
      throw DataError("{}: {} is too large to exist", where, spec.ToString());
    }
  }
  return spec;
}

RowRange ParseRange(const json& pair, const ArraySpec& spec, const std::string& where) {
  if (!pair.is_array() || pair.size() != 2) {
    throw DataError("{}: rows must be [begin, end] pairs, found {}", where, pair.dump());
  }
  const std::vector<int64_t> ends = IntList(pair, where + ": rows");
  const RowRange range{ends[0], ends[1]};
  if (range.begin > range.end || range.end > spec.row_count()) {
    throw DataError("{}: rows {}..{} of {} are out of order or out of range", where, range.begin,
                    range.end, spec.ToString());
  }
  return range;
}

std::vector<RowRange> ParseSlices(const json& pairs, const ArraySpec& spec,
                                  const std::string& where) {
  std::vector<RowRange> slices;
  int64_t last_end = 0;
  for (const json& pair : pairs) {
    const RowRange slice = ParseRange(pair, spec, where);
    if (slice.begin < last_end || slice.size() == 0) {
      throw DataError("{}: rows {}..{} of {} are empty or out of order", where, slice.begin,
                      slice.end, spec.ToString());
    }
    last_end = slice.end;
    slices.push_back(slice);
  }
  return slices;
}

TouchedRecord ParseTouched(const json& value, const ArraySpec& spec, const std::string& where) {
  JsonFields object(value, where + ": touched");
  TouchedRecord record;
  record.name = object.Text("name");
  if (!IsArrayName(record.name)) {
    throw DataError("{}: bad name of touched rows '{}'", where, record.name);
  }
  record.range = ParseRange(object.Array("range"), spec, where);
  record.count = object.Int("count", 0, std::min(record.range.size(), TouchedRows::kMostRows));
  object.Finish();
  return record;
}

PieceArray ParsePieceArray(const json& value, int64_t piece_size_bytes, const std::string& where) {
  JsonFields object(value, where);
  PieceArray array;
  array.spec = ParseSpec(object, where);
  int64_t row_count = 0;
  if (value.contains("touched")) {
    array.touched = ParseTouched(object.Object("touched"), array.spec, where);
    row_count = array.touched->count;
  } else {
    array.slices = ParseSlices(object.Array("rows"), array.spec, where);
    for (const RowRange& slice : array.slices) row_count += slice.size();
  }
  if (row_count * array.spec.row_bytes() > piece_size_bytes) {
    throw DataError("{}: {} rows of {} do not fit into a file of {} bytes", where, row_count,
                    array.spec.ToString(), piece_size_bytes);
  }
  object.Finish();
  return array;
}

CheckpointPiece ParsePieceJson(const json& value, const std::string& where) {
  JsonFields object(value, where);
  CheckpointPiece piece;
  piece.file = object.Text("file");
  if (!IsPlainName(piece.file)) {
    throw DataError("{}: '{}' is not a plain file name", where, piece.file);
  }
  piece.rank = static_cast<int>(object.Int("rank", 0, kMaxWorldSize - 1));
  piece.size_bytes = object.Int("size_bytes", 1, kMaxPieceBytes);
  piece.sha256 = object.Hex("sha256", kHashDigits);
  for (const auto& [name, array] : object.Object("arrays").items()) {
    if (!IsArrayName(name)) throw DataError("{}: bad array name '{}'", where, name);
    piece.arrays[name] = ParsePieceArray(array, piece.size_bytes, where + ": " + name);
  }
  object.Finish();
  return piece;
}

std::vector<CheckpointPiece> ParsePieces(JsonFields& object, int world_size,
                                         const std::string& where) {
  std::vector<CheckpointPiece> pieces;
  for (const json& value : object.Array("parts")) {
    const int rank = static_cast<int>(pieces.size());
    const std::string piece_where = fmt::format("{}: part {}", where, rank);
    pieces.push_back(ParsePieceJson(value, piece_where));
    if (pieces.back().rank != rank || pieces.back().file != PieceFileName(rank, world_size)) {
      throw DataError("{} is recorded as rank {}, file '{}'", piece_where, pieces.back().rank,
                      pieces.back().file);
    }
  }
  if (std::ssize(pieces) != world_size) {
    throw DataError("{}: written by {} ranks but lists {} parts", where, world_size, pieces.size());
  }
  return pieces;
}

std::string HashOf(std::string_view text) {
  Sha256 hash;
  hash.Update(kHashPrefix);
  hash.Update(kNoHash);
  hash.Update(text.substr(kHashPrefix.size() + kHashDigits));
  return hash.HexDigest();
}

void CheckFormat(JsonFields& object, const std::string& where) {
  if (object.Text("format") != kFormat) {
    throw DataError("{}: format '{}', expected '{}'", where, object.Text("format"), kFormat);
  }
  const int64_t version = object.Int("format_version", 1, kMaxInt);
  if (version > CheckpointManifest::kFormatVersion) {
    throw DataError("{}: written by a newer hearth (checkpoint format {}; this one reads up to {})",
                    where, version, CheckpointManifest::kFormatVersion);
  }
}

CheckpointBase ParseBase(const json& value, int64_t step, const std::string& where) {
  JsonFields fields(value, where + ": base");
  CheckpointBase base;
  base.step = fields.Int("step", 0, kMaxInt);
  base.manifest_sha256 = fields.Hex("manifest_sha256", kHashDigits);
  fields.Finish();
  if (base.step >= step) {
    throw DataError("{}: base is step {}, not before step {}", where, base.step, step);
  }
  return base;
}

CheckpointMetric ParseMetric(const json& value, const std::string& where) {
  JsonFields fields(value, where + ": metric");
  CheckpointMetric metric{fields.Text("name"), fields.Number("value")};
  fields.Finish();
  return metric;
}

/// Verifies the hash that a manifest records of itself, and returns it.
std::string OwnHash(std::string_view text, const std::string& where) {
  if (!text.starts_with(kHashPrefix) || text.size() < kHashPrefix.size() + kHashDigits) {
    throw DataError("{}: not a checkpoint manifest (must begin with its own hash)", where);
  }
  std::string recorded(text.substr(kHashPrefix.size(), kHashDigits));
  if (HashOf(text) != recorded) {
    throw DataError("{}: SHA-256 differs from the recorded one: damaged or edited", where);
  }
  return recorded;
}

/// Throws unless the ranges of an array cover it exactly once.
void CheckRanges(std::vector<RowRange>& ranges, const std::string& name, int64_t row_count,
                 const std::string& where) {
  std::ranges::sort(ranges, {}, [](const RowRange& r) { return std::pair(r.begin, r.end); });
  int64_t covered = 0;
  for (const RowRange& range : ranges) {
    if (range.begin != covered) {
      throw DataError("{}: rows {}..{} of '{}' are {}", where, std::min(covered, range.begin),
                      std::max(covered, range.begin), name,
                      range.begin > covered ? "in no part" : "in two parts");
    }
    covered = range.end;
  }
  if (covered != row_count) {
    throw DataError("{}: rows {}..{} of '{}' are in no part", where, covered, row_count, name);
  }
}

}  // namespace

int64_t CheckpointManifest::size_bytes() const {
  int64_t sum = 0;
  for (const CheckpointPiece& piece : pieces) sum += piece.size_bytes;
  return sum;
}

std::map<std::string, ArraySpec> CheckpointManifest::Arrays(const std::string& where) const {
  std::map<std::string, ArraySpec> arrays;
  std::map<std::string, std::vector<RowRange>> ranges;
  for (const CheckpointPiece& piece : pieces) {
    for (const auto& [name, array] : piece.arrays) {
      const ArraySpec& known = arrays.emplace(name, array.spec).first->second;
      if (known != array.spec) {
        throw DataError("{}: {} says '{}' is {}, an earlier part says {}", where, piece.file, name,
                        array.spec.ToString(), known.ToString());
      }
      std::vector<RowRange>& held = ranges[name];
      held.insert(held.end(), array.slices.begin(), array.slices.end());
      if (!array.touched) continue;
      held.push_back(array.touched->range);
      if (!base) throw DataError("{}: '{}' has touched rows, but there is no base", where, name);
    }
  }
  for (auto& [name, held] : ranges) CheckRanges(held, name, arrays[name].row_count(), where);
  return arrays;
}

std::string PieceFileName(int rank, int world_size) {
  return fmt::format("part-{:05}-of-{:05}.h5", rank, world_size);
}

std::string SerializeManifest(const CheckpointManifest& manifest) {
  HEARTH_CHECK(IsPlainName(manifest.run_id), "run id '{}'", manifest.run_id);
  HEARTH_CHECK(manifest.scalars.is_object());
  CheckFinite(manifest.scalars, "scalars");
  ordered_json object = {{"manifest_sha256", kNoHash},
                         {"format", kFormat},
                         {"format_version", manifest.base ? 2 : 1},
                         {"tool_version", manifest.tool_version},
                         {"run_id", manifest.run_id},
                         {"step", manifest.step},
                         {"epoch", manifest.epoch},
                         {"world_size", manifest.world_size},
                         {"config_hash", manifest.config_hash},
                         {"data_hash", manifest.data_hash}};
  if (manifest.base) {
    object["base"] = {{"step", manifest.base->step},
                      {"manifest_sha256", manifest.base->manifest_sha256}};
  }
  if (manifest.metric) {
    CheckFinite(manifest.metric->value, "metric/" + manifest.metric->name);
    object["metric"] = {{"name", manifest.metric->name}, {"value", manifest.metric->value}};
  }
  object["scalars"] = manifest.scalars;
  object["parts"] = ordered_json::array();
  for (const CheckpointPiece& piece : manifest.pieces) object["parts"].push_back(ToJson(piece));
  std::string text = object.dump(2) + "\n";
  text.replace(kHashPrefix.size(), kHashDigits, HashOf(text));
  // Reading the text back costs little, and applies every rule of the reader before the commit.
  ParseManifest(text, fmt::format("checkpoint step {}", manifest.step));
  return text;
}

CheckpointManifest ParseManifest(std::string_view text, const std::string& where) {
  if (std::ssize(text) > CheckpointManifest::kMaxSizeBytes) {
    throw DataError("{}: {} bytes, more than a manifest may have ({})", where, text.size(),
                    CheckpointManifest::kMaxSizeBytes);
  }
  CheckpointManifest manifest;
  manifest.sha256 = OwnHash(text, where);
  const json root = ParseJson(text, kMaxDepth, where);
  JsonFields object(root, where);
  object.Hex("manifest_sha256", kHashDigits);
  CheckFormat(object, where);
  manifest.tool_version = object.Text("tool_version");
  manifest.run_id = object.Text("run_id");
  if (!IsPlainName(manifest.run_id)) {
    throw DataError("{}: run id '{}' is not a plain name", where, manifest.run_id);
  }
  manifest.step = object.Int("step", 0, kMaxInt);
  manifest.epoch = object.Int("epoch", 0, kMaxInt);
  manifest.world_size = static_cast<int>(object.Int("world_size", 1, kMaxWorldSize));
  manifest.config_hash = object.Text("config_hash");
  manifest.data_hash = object.Text("data_hash");
  if (root.contains("base")) {
    manifest.base = ParseBase(object.Object("base"), manifest.step, where);
  }
  if (root.contains("metric")) manifest.metric = ParseMetric(object.Object("metric"), where);
  manifest.scalars = object.Object("scalars");
  manifest.pieces = ParsePieces(object, manifest.world_size, where);
  object.Finish();
  manifest.Arrays(where);
  return manifest;
}

std::string SerializePiece(const CheckpointPiece& piece) { return ToJson(piece).dump(); }

CheckpointPiece ParsePiece(std::string_view text, const std::string& where) {
  return ParsePieceJson(ParseJson(text, kMaxDepth, where), where);
}

}  // namespace hearth

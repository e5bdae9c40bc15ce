#include "storage/checkpoint/manifest.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "common/error.h"
#include "common/hash.h"
#include "storage/checkpoint/strict_json.h"

namespace hearth {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kMaxDepth = 16;
constexpr int64_t kMaxInt = std::numeric_limits<int64_t>::max();
constexpr int kMaxWorldSize = 65536;
constexpr size_t kMaxDimensions = 8;
constexpr std::string_view kFormat = "hearth-checkpoint";

// The manifest's own hash stands first and at a fixed place, and is taken over the whole text with
// its digits replaced by zeros.
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

ordered_json ToJson(const CheckpointPart& part) {
  ordered_json arrays = ordered_json::object();
  for (const auto& [name, array] : part.arrays) {
    ordered_json rows = ordered_json::array();
    for (const RowRange& slice : array.slices) rows.push_back({slice.begin, slice.end});
    arrays[name] = {
        {"type", NameOf(array.spec.type)}, {"shape", array.spec.shape}, {"rows", std::move(rows)}};
  }
  return {{"file", part.file},
          {"rank", part.rank},
          {"size_bytes", part.size_bytes},
          {"sha256", part.sha256},
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

ArraySpec ParseSpec(StrictObject& object, const std::string& where) {
  ArraySpec spec;
  const std::optional<ColumnType> type = ParseColumnType(object.String("type"));
  if (!type) object.Refuse("type", "must be uint8, int32, uint32, int64, float32 or float64");
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

PartArray ParsePartArray(const json& value, int64_t part_size_bytes, const std::string& where) {
  StrictObject object(value, where);
  PartArray array;
  array.spec = ParseSpec(object, where);
  int64_t row_count = 0, last_end = 0;
  for (const json& pair : object.Array("rows")) {
    if (!pair.is_array() || pair.size() != 2) object.Refuse("rows", "must hold [begin, end] pairs");
    const std::vector<int64_t> ends = IntList(pair, where + ": rows");
    const RowRange slice{ends[0], ends[1]};
    if (slice.begin < last_end || slice.begin >= slice.end || slice.end > array.spec.row_count()) {
      throw DataError("{}: rows {}..{} of {} are empty, out of order or out of range", where,
                      slice.begin, slice.end, array.spec.ToString());
    }
    last_end = slice.end;
    row_count += slice.size();
    array.slices.push_back(slice);
  }
  if (row_count * array.spec.row_bytes() > part_size_bytes) {
    throw DataError("{}: {} rows of {} do not fit into a file of {} bytes", where, row_count,
                    array.spec.ToString(), part_size_bytes);
  }
  object.Finish();
  return array;
}

CheckpointPart ParsePartJson(const json& value, const std::string& where) {
  StrictObject object(value, where);
  CheckpointPart part;
  part.file = object.String("file");
  if (!IsPlainName(part.file)) object.Refuse("file", "must be a plain file name");
  part.rank = static_cast<int>(object.Int("rank", 0, kMaxWorldSize - 1));
  part.size_bytes = object.Int("size_bytes", 1, kMaxInt);
  part.sha256 = object.Sha256("sha256");
  for (const auto& [name, array] : object.Object("arrays").items()) {
    if (!IsArrayName(name)) throw DataError("{}: bad array name '{}'", where, name);
    part.arrays[name] = ParsePartArray(array, part.size_bytes, where + ": " + name);
  }
  object.Finish();
  return part;
}

std::vector<CheckpointPart> ParseParts(StrictObject& object, int world_size,
                                       const std::string& where) {
  std::vector<CheckpointPart> parts;
  for (const json& value : object.Array("parts")) {
    const int rank = static_cast<int>(parts.size());
    const std::string part_where = fmt::format("{}: part {}", where, rank);
    parts.push_back(ParsePartJson(value, part_where));
    if (parts.back().rank != rank || parts.back().file != PartFileName(rank, world_size)) {
      throw DataError("{} is recorded as rank {}, file '{}'", part_where, parts.back().rank,
                      parts.back().file);
    }
  }
  if (std::ssize(parts) != world_size) {
    throw DataError("{}: written by {} ranks but lists {} parts", where, world_size, parts.size());
  }
  return parts;
}

std::string HashOf(std::string_view text) {
  Sha256 hash;
  hash.Update(kHashPrefix);
  hash.Update(kNoHash);
  hash.Update(text.substr(kHashPrefix.size() + kHashDigits));
  return hash.HexDigest();
}

void CheckFormat(StrictObject& object, const std::string& where) {
  if (object.String("format") != kFormat) object.Refuse("format", "must be hearth-checkpoint");
  const int64_t version = object.Int("format_version", 1, kMaxInt);
  if (version > CheckpointManifest::kFormatVersion) {
    throw DataError("{}: written by a newer hearth (checkpoint format {}; this one reads up to {})",
                    where, version, CheckpointManifest::kFormatVersion);
  }
}

std::optional<CheckpointMetric> ParseMetric(StrictObject& object, const std::string& where) {
  if (object.IsNull("metric")) return std::nullopt;
  StrictObject metric(object.Object("metric"), where + ": metric");
  CheckpointMetric parsed{metric.String("name"), metric.Number("value")};
  metric.Finish();
  return parsed;
}

}  // namespace

int64_t CheckpointManifest::size_bytes() const {
  int64_t sum = 0;
  for (const CheckpointPart& part : parts) sum += part.size_bytes;
  return sum;
}

std::map<std::string, ArraySpec> CheckpointManifest::Arrays(const std::string& where) const {
  std::map<std::string, ArraySpec> arrays;
  std::map<std::string, std::vector<RowRange>> slices;
  for (const CheckpointPart& part : parts) {
    for (const auto& [name, array] : part.arrays) {
      const ArraySpec& known = arrays.emplace(name, array.spec).first->second;
      if (known != array.spec) {
        throw DataError("{}: {} says '{}' is {}, an earlier part says {}", where, part.file, name,
                        array.spec.ToString(), known.ToString());
      }
      slices[name].insert(slices[name].end(), array.slices.begin(), array.slices.end());
    }
  }
  for (auto& [name, ranges] : slices) {
    std::ranges::sort(ranges, {}, &RowRange::begin);
    int64_t covered = 0;
    for (const RowRange& range : ranges) {
      if (range.begin != covered) {
        throw DataError("{}: rows {}..{} of '{}' are {}", where, std::min(covered, range.begin),
                        std::max(covered, range.begin), name,
                        range.begin > covered ? "in no part" : "in two parts");
      }
      covered = range.end;
    }
    if (covered != arrays[name].row_count()) {
      throw DataError("{}: rows {}..{} of '{}' are in no part", where, covered,
                      arrays[name].row_count(), name);
    }
  }
  return arrays;
}

std::string PartFileName(int rank, int world_size) {
  return fmt::format("part-{:05}-of-{:05}.h5", rank, world_size);
}

std::string SerializeManifest(const CheckpointManifest& manifest) {
  HEARTH_CHECK(IsPlainName(manifest.run_id), "run id '{}'", manifest.run_id);
  HEARTH_CHECK(manifest.scalars.is_object());
  CheckFinite(manifest.scalars, "scalars");
  ordered_json metric;
  if (manifest.metric) {
    CheckFinite(manifest.metric->value, "metric/" + manifest.metric->name);
    metric = {{"name", manifest.metric->name}, {"value", manifest.metric->value}};
  }
  ordered_json parts = ordered_json::array();
  for (const CheckpointPart& part : manifest.parts) parts.push_back(ToJson(part));
  const ordered_json object = {{"manifest_sha256", kNoHash},
                               {"format", kFormat},
                               {"format_version", CheckpointManifest::kFormatVersion},
                               {"tool_version", manifest.tool_version},
                               {"run_id", manifest.run_id},
                               {"step", manifest.step},
                               {"epoch", manifest.epoch},
                               {"world_size", manifest.world_size},
                               {"config_hash", manifest.config_hash},
                               {"data_hash", manifest.data_hash},
                               {"metric", metric},
                               {"scalars", manifest.scalars},
                               {"parts", std::move(parts)}};
  std::string text = object.dump(2) + "\n";
  text.replace(kHashPrefix.size(), kHashDigits, HashOf(text));
  // Reading back what is about to be committed costs little and applies every rule of the reader.
  ParseManifest(text, fmt::format("checkpoint step {}", manifest.step));
  return text;
}

std::string ManifestSha256(std::string_view text, const std::string& where) {
  if (!text.starts_with(kHashPrefix) || text.size() < kHashPrefix.size() + kHashDigits) {
    throw DataError("{}: not a checkpoint manifest (must begin with its own hash)", where);
  }
  const std::string recorded(text.substr(kHashPrefix.size(), kHashDigits));
  if (HashOf(text) != recorded) {
    throw DataError("{}: SHA-256 differs from the recorded one: damaged or edited", where);
  }
  return recorded;
}

CheckpointManifest ParseManifest(std::string_view text, const std::string& where) {
  if (std::ssize(text) > CheckpointManifest::kMaxSizeBytes) {
    throw DataError("{}: {} bytes, more than a manifest may have ({})", where, text.size(),
                    CheckpointManifest::kMaxSizeBytes);
  }
  ManifestSha256(text, where);
  const json root = ParseStrictJson(text, kMaxDepth, where);
  StrictObject object(root, where);
  object.Sha256("manifest_sha256");
  CheckFormat(object, where);
  CheckpointManifest manifest;
  manifest.tool_version = object.String("tool_version");
  manifest.run_id = object.String("run_id");
  if (!IsPlainName(manifest.run_id)) object.Refuse("run_id", "must be a plain name");
  manifest.step = object.Int("step", 0, kMaxInt);
  manifest.epoch = object.Int("epoch", 0, kMaxInt);
  manifest.world_size = static_cast<int>(object.Int("world_size", 1, kMaxWorldSize));
  manifest.config_hash = object.String("config_hash");
  manifest.data_hash = object.String("data_hash");
  manifest.metric = ParseMetric(object, where);
  manifest.scalars = object.Object("scalars");
  manifest.parts = ParseParts(object, manifest.world_size, where);
  object.Finish();
  manifest.Arrays(where);
  return manifest;
}

std::string SerializePart(const CheckpointPart& part) { return ToJson(part).dump(); }

CheckpointPart ParsePart(std::string_view text, const std::string& where) {
  return ParsePartJson(ParseStrictJson(text, kMaxDepth, where), where);
}

}  // namespace hearth

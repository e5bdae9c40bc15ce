// The manifest functions of dataset.h: manifest.json of a data set.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "storage/file/durable_file.h"
#include "storage/file/json_fields.h"
#include "storage/shard/dataset.h"

namespace hearth {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t kMaxManifestBytes = 64 << 20;  // some 100,000 shards
constexpr int kMaxDepth = 16;
constexpr int kOldestVersion = 1;
constexpr size_t kMaxColumns = 16;
constexpr int64_t kMaxCount = int64_t{1} << 48;
constexpr int64_t kMaxEntityCount = std::numeric_limits<uint32_t>::max();  // items are uint32

std::string PathOf(const std::string& folder) { return folder + "/manifest.json"; }

/// True for a plain name: it cannot lead out of the data set's folder, is not hidden, and needs no
/// quotes in a shell.
bool IsPlainFileName(const std::string& name) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= 255 && name.front() != '.' && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), is_plain);
}

/// Texts shown to people must not send commands to their terminal.
void RequirePrintable(const std::string& text, const char* field, const std::string& where) {
  const bool printable = std::none_of(
      text.begin(), text.end(), [](unsigned char byte) { return byte < 0x20 || byte == 0x7F; });
  if (!printable) throw DataError("{}: {} holds a control character", where, field);
}

int64_t RankOf(Part part) {
  const std::vector<Part> parts = AllParts();
  return std::find(parts.begin(), parts.end(), part) - parts.begin();
}

/// Checks rules that every manifest must keep, our own too. `where` begins the message.
void CheckManifest(const DatasetManifest& manifest, const std::string& where) {
  std::unordered_set<std::string> files;
  const auto check_file = [&](const std::string& file) {
    if (!IsPlainFileName(file)) {
      throw DataError(
          "{}: file name '{}' is refused: use letters, digits, '.', '_' and '-', not "
          "starting with '.' or '-'",
          where, file);
    }
    if (!files.insert(file).second) throw DataError("{}: '{}' is listed twice", where, file);
  };
  check_file(manifest.users_file);
  check_file(manifest.items_file);
  // A shard has at most 2^45 events (checked below), so the sum of 2^18 shards fits.
  int64_t event_count = 0;
  for (size_t i = 0; i < manifest.shards.size(); ++i) {
    const ShardEntry& entry = manifest.shards[i];
    check_file(entry.file);
    if (RankOf(entry.part) == std::ssize(AllParts())) {
      throw DataError("{}: '{}' is of part '{}', which has no meaning", where, entry.file,
                      NameOf(entry.part));
    }
    if (i > 0 && RankOf(entry.part) < RankOf(manifest.shards[i - 1].part)) {
      throw DataError("{}: '{}' ({}) comes after a shard of {}; parts are listed in order", where,
                      entry.file, NameOf(entry.part), NameOf(manifest.shards[i - 1].part));
    }
    // An event takes 8 bytes (item and label) or more, a task 16 (id and offset).
    if (entry.event_count > entry.size_bytes / 8 || entry.task_count > entry.size_bytes / 16) {
      throw DataError("{}: '{}' cannot hold {} tasks and {} events in {} bytes", where, entry.file,
                      entry.task_count, entry.event_count, entry.size_bytes);
    }
    event_count += entry.event_count;
  }
  if (event_count != manifest.event_count) {
    throw DataError("{}: event_count is {}, its shards have {}", where, manifest.event_count,
                    event_count);
  }
  RequirePrintable(manifest.name, "name", where);
  RequirePrintable(manifest.task_by, "task_by", where);
  RequirePrintable(manifest.tool_version, "tool_version", where);
  if (!std::isfinite(manifest.label_min) || !std::isfinite(manifest.label_max) ||
      manifest.label_min > manifest.label_max) {
    throw DataError("{}: label_min {} and label_max {} are no range", where, manifest.label_min,
                    manifest.label_max);
  }
  if (manifest.positive_only && manifest.label_min <= 0) {
    throw DataError("{}: label_min is {}, but positive_only says that every label is above 0",
                    where, manifest.label_min);
  }
  for (const auto& [name, value] : manifest.facts) {
    if (!std::isfinite(value)) throw DataError("{}: fact '{}' is {}", where, name, value);
  }
}

/// A summary of the features of an entity file, so that people and scripts need not open the file.
ordered_json FeatureSchema(const std::string& path) {
  ordered_json schema = ordered_json::array();
  for (const FeatureColumn& feature : ReadEntities(path).features) {
    ordered_json entry = {{"name", feature.name}, {"kind", NameOf(feature.kind)}};
    if (!feature.vocabulary.empty()) entry["vocabulary"] = feature.vocabulary.size();
    if (feature.kind == FeatureKind::kVector) entry["width"] = feature.width;
    schema.push_back(std::move(entry));
  }
  return schema;
}

ordered_json ToJson(const ShardEntry& entry) {
  ordered_json xxh3 = ordered_json::object();
  for (const auto& [column, hash] : entry.column_xxh3) xxh3[column] = hash;
  return {{"file", entry.file},
          {"part", NameOf(entry.part)},
          {"task_count", entry.task_count},
          {"event_count", entry.event_count},
          {"size_bytes", entry.size_bytes},
          {"sha256", entry.sha256},
          {"xxh3", std::move(xxh3)}};
}

ordered_json EntitiesToJson(const std::string& folder, const std::string& file,
                            const std::string& sha256, int64_t count) {
  return {{"file", file},
          {"sha256", sha256},
          {"count", count},
          {"features", FeatureSchema(folder + "/" + file)}};
}

/// hearth's own code makes `source`: a text that is no JSON object is our bug.
ordered_json SourceToJson(const std::string& source) {
  if (source.empty()) return ordered_json::object();
  ordered_json value = ordered_json::parse(source, nullptr, /*allow_exceptions=*/false);
  HEARTH_CHECK(value.is_object(), "source is no JSON object: {}", source);
  return value;
}

/// The oldest version that can say all of a manifest.
int VersionOf(const DatasetManifest& manifest) {
  return manifest.HasStrengths() ? DatasetManifest::kFormatVersion : kOldestVersion;
}

ShardEntry ParseShard(const json& value, const std::string& where) {
  JsonFields object(value, where);
  ShardEntry entry;
  entry.file = object.Text("file");
  try {
    entry.part = ParsePart(object.Text("part"));
  } catch (const DataError& error) {
    throw DataError("{}: {}", where, error.what());
  }
  entry.task_count = object.Int("task_count", 0, kMaxCount);
  entry.event_count = object.Int("event_count", 0, kMaxCount);
  entry.size_bytes = object.Int("size_bytes", 0, kMaxCount);
  entry.sha256 = object.Hex("sha256", 64);
  const json& xxh3 = object.Object("xxh3");
  JsonFields hashes(xxh3, where + ": xxh3");
  for (const auto& column : xxh3.items()) {
    if (entry.column_xxh3.size() == kMaxColumns) {
      throw DataError("{}: xxh3: more than {} columns", where, kMaxColumns);
    }
    entry.column_xxh3.emplace_back(column.key(), hashes.Hex(column.key(), 16));
  }
  object.Finish();
  return entry;
}

void ParseEntities(const json& value, const std::string& where, std::string* file,
                   std::string* sha256, int64_t* count) {
  JsonFields object(value, where);
  *file = object.Text("file");
  *sha256 = object.Hex("sha256", 64);
  *count = object.Int("count", 0, kMaxEntityCount);
  object.Array("features");  // for people and scripts; hearth reads the entity file instead
  object.Finish();
}

DatasetManifest ParseManifest(const json& value, const std::string& where) {
  JsonFields object(value, where);
  const int64_t version = object.Int("format_version", 0, kMaxCount);
  if (version < kOldestVersion || version > DatasetManifest::kFormatVersion) {
    throw DataError("{}: data set format {}; this hearth reads formats {} to {}", where, version,
                    kOldestVersion, DatasetManifest::kFormatVersion);
  }
  DatasetManifest manifest;
  manifest.name = object.Text("name");
  manifest.task_by = object.Text("task_by");
  manifest.has_time = object.Bool("has_time");
  manifest.has_roles = object.Bool("has_roles");
  manifest.positive_only = object.Bool("positive_only");
  manifest.label_min = static_cast<float>(object.Number("label_min"));
  manifest.label_max = static_cast<float>(object.Number("label_max"));
  manifest.event_count = object.Int("event_count", 0, kMaxCount);
  ParseEntities(object.Object("users"), where + ": users", &manifest.users_file,
                &manifest.users_sha256, &manifest.user_count);
  ParseEntities(object.Object("items"), where + ": items", &manifest.items_file,
                &manifest.items_sha256, &manifest.item_count);
  const json& shards = object.Array("shards");
  for (size_t i = 0; i < shards.size(); ++i) {
    manifest.shards.push_back(ParseShard(shards[i], fmt::format("{}: shards[{}]", where, i)));
  }
  manifest.tool_version = object.Text("tool_version");
  const json& source = object.Object("source");
  if (!source.empty()) manifest.source = source.dump();
  const json& facts = object.Object("facts");
  JsonFields fact_fields(facts, where + ": facts");
  for (const auto& fact : facts.items()) {
    manifest.facts[fact.key()] = fact_fields.Number(fact.key());
  }
  object.Finish();
  if (version != VersionOf(manifest)) {
    throw DataError(
        "{}: format {} does not fit positive_only {} with labels {} to {}; positive events with "
        "other labels than 1 are format {}, all else is format {}",
        where, version, manifest.positive_only, manifest.label_min, manifest.label_max,
        DatasetManifest::kFormatVersion, kOldestVersion);
  }
  return manifest;
}

}  // namespace

int64_t DatasetManifest::TaskCount(Part part) const {
  int64_t count = 0;
  for (const ShardEntry& entry : shards) {
    if (entry.part == part) count += entry.task_count;
  }
  return count;
}

int64_t DatasetManifest::EventCount(Part part) const {
  int64_t count = 0;
  for (const ShardEntry& entry : shards) {
    if (entry.part == part) count += entry.event_count;
  }
  return count;
}

DatasetManifest ReadManifest(const std::string& folder) {
  const std::string path = PathOf(folder);
  std::error_code refused;  // set when the folder may not be read: opening then gives the reason
  const auto status = std::filesystem::symlink_status(path, refused);
  if (status.type() == std::filesystem::file_type::not_found) {
    throw DataError(
        "'{}' is not a data set: it has no manifest.json; make one with "
        "`hearth data convert` or `hearth data synth`",
        folder);
  }
  if (status.type() == std::filesystem::file_type::symlink) {
    throw DataError("'{}' is a link: a manifest must lie in its data set's folder", path);
  }
  return ParseDatasetManifest(ReadWholeFile(path, kMaxManifestBytes), "'" + path + "'");
}

DatasetManifest ParseDatasetManifest(std::string_view text, const std::string& where) {
  DatasetManifest manifest = ParseManifest(ParseJson(text, kMaxDepth, where), where);
  CheckManifest(manifest, where);
  return manifest;
}

void WriteManifest(const std::string& folder, const DatasetManifest& manifest) {
  const std::string path = PathOf(folder);
  CheckManifest(manifest, "'" + path + "'");
  ordered_json value = {{"format_version", VersionOf(manifest)},
                        {"name", manifest.name},
                        {"task_by", manifest.task_by},
                        {"has_time", manifest.has_time},
                        {"has_roles", manifest.has_roles},
                        {"positive_only", manifest.positive_only},
                        {"label_min", manifest.label_min},
                        {"label_max", manifest.label_max},
                        {"event_count", manifest.event_count},
                        {"users", EntitiesToJson(folder, manifest.users_file, manifest.users_sha256,
                                                 manifest.user_count)},
                        {"items", EntitiesToJson(folder, manifest.items_file, manifest.items_sha256,
                                                 manifest.item_count)}};
  value["shards"] = ordered_json::array();
  for (const ShardEntry& entry : manifest.shards) value["shards"].push_back(ToJson(entry));
  value["tool_version"] = manifest.tool_version;
  value["source"] = SourceToJson(manifest.source);
  value["facts"] = manifest.facts.empty() ? ordered_json::object() : ordered_json(manifest.facts);
  // Ids and titles from strangers may be no UTF-8, but the manifest must be.
  const std::string text = value.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  WriteFileDurably(path, text, kSharedFile);
}

std::string ManifestHash(const std::string& folder) {
  return Sha256OfContent(FileDescriptor::OpenForReading(PathOf(folder)));
}

}  // namespace hearth

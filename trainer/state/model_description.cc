#include "trainer/state/model_description.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/hash.h"
#include "storage/file/durable_file.h"
#include "storage/file/folder_trust.h"
#include "storage/file/hdf5.h"
#include "storage/file/json_fields.h"
#include "storage/shard/dataset.h"
#include "storage/shard/file_gate.h"

namespace hearth {
namespace {

constexpr int64_t kBlockBytes = int64_t{32} << 20;
constexpr int64_t kMostJsonBytes = int64_t{1} << 33;
constexpr size_t kSha256Digits = 64;
constexpr const char* kCatalogue = "catalogue.h5";
constexpr const char* kCatalogueRows = "catalogue_rows.h5";
constexpr const char* kIdRows = "/id_rows";
constexpr const char* kEventCounts = "/event_counts";

using Json = nlohmann::ordered_json;

// The original value of each table row of a field, row 0 being the row of the unknown.
std::vector<std::string> VocabularyOf(const FieldSchema& field, const Catalogue& catalogue) {
  if (field.kind != FieldKind::kId) return field.vocabulary;
  std::vector<std::string> values(field.row_count);
  for (int64_t item = 0; item < catalogue.items->size(); ++item) {
    const int64_t row = catalogue.id_rows[item];
    if (row > 0) values[row] = catalogue.items->ids[item];
  }
  return values;
}

void WriteVocabulary(const std::string& path, const std::vector<std::string>& values) {
  PendingFile file(path, kSharedFile);
  std::string text = "[";
  for (size_t row = 0; row < values.size(); ++row) {
    text += row == 0 ? "\n" : ",\n";
    text +=
        nlohmann::json(values[row]).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (std::ssize(text) < kBlockBytes) continue;
    file.descriptor().Write(text);
    text.clear();
  }
  file.descriptor().Write(text + "\n]\n");
  file.Commit();
}

// Describes the fields of one side, in the model's order, and writes their vocabularies.
Json WriteFields(const std::vector<FieldSchema>& fields, const Catalogue& catalogue,
                 const std::string& folder, int64_t& table) {
  Json list = Json::array();
  for (const FieldSchema& field : fields) {
    Json entry = {{"name", field.name}, {"kind", NameOf(field.kind)}};
    if (field.is_categorical()) {
      const std::string file = fmt::format("vocabulary/{}.json", table++);
      WriteVocabulary(folder + "/" + file, VocabularyOf(field, catalogue));
      entry["table"] = TableTensor(field.name);
      entry["rows"] = field.row_count;
      entry["vocabulary"] = file;
    } else {
      entry["projection"] = field.name + ".projection";
      entry["mean"] = field.mean;
      entry["inverse_deviation"] = field.inverse_deviation;
    }
    list.push_back(std::move(entry));
  }
  return list;
}

void WriteCatalogue(const Catalogue& catalogue, const std::string& folder) {
  WriteEntities(folder + "/" + kCatalogue, *catalogue.items);
  PendingFile rows(folder + "/" + kCatalogueRows, kSharedFile);
  Hdf5File file = Hdf5File::Create(rows.temporary_path());
  file.WriteDataset(kIdRows, catalogue.id_rows);
  file.WriteDataset(kEventCounts, catalogue.event_counts);
  file.Close();
  rows.Commit();
}

// The files that a folder consists of beside model.json.
std::vector<std::string> FilesOf(const InputSchema& schema) {
  std::vector<std::string> files = {"model.safetensors", "config.yaml", "card.md", kCatalogue,
                                    kCatalogueRows};
  int64_t table = 0;
  for (const auto* side : {&schema.task_fields, &schema.row_fields}) {
    for (const FieldSchema& field : *side) {
      if (field.is_categorical()) files.push_back(fmt::format("vocabulary/{}.json", table++));
    }
  }
  return files;
}

std::vector<double> Numbers(const nlohmann::json& list, const std::string& where) {
  std::vector<double> numbers;
  for (const nlohmann::json& value : list) {
    if (!value.is_number()) throw DataError("{}: '{}' is no number", where, value.dump());
    numbers.push_back(value.get<double>());
  }
  return numbers;
}

std::vector<std::string> ReadVocabulary(const std::string& path, int64_t row_count) {
  const nlohmann::json json =
      ParseJson(ReadWholeFile(path, kMostJsonBytes), /*max_depth=*/1, "'" + path + "'");
  std::vector<std::string> values;
  for (const nlohmann::json& value : json) {
    if (!value.is_string()) throw DataError("'{}': '{}' is no text", path, value.dump());
    values.push_back(value.get<std::string>());
  }
  if (!json.is_array() || std::ssize(values) != row_count || !values.front().empty()) {
    throw DataError("'{}' must list {} values, the first of them empty", path, row_count);
  }
  return values;
}

FieldKind KindNamed(const std::string& name, const std::string& where) {
  for (const FieldKind kind : {FieldKind::kId, FieldKind::kCategory, FieldKind::kCategories,
                               FieldKind::kNumber, FieldKind::kVector}) {
    if (name == NameOf(kind)) return kind;
  }
  throw DataError("{}: unknown kind '{}'", where, name);
}

std::vector<FieldSchema> ReadFields(const nlohmann::json& list, const std::string& folder,
                                    int64_t& table) {
  std::vector<FieldSchema> fields;
  for (const nlohmann::json& entry : list) {
    const std::string where = fmt::format("'{}/model.json': field {}", folder, fields.size());
    JsonFields json(entry, where);
    FieldSchema field{.name = json.Text("name")};
    field.kind = KindNamed(json.Text("kind"), where);
    if (field.kind == FieldKind::kNumber || field.kind == FieldKind::kVector) {
      json.Text("projection");
      field.mean = Numbers(json.Array("mean"), where);
      field.inverse_deviation = Numbers(json.Array("inverse_deviation"), where);
      if (field.mean.empty() || field.mean.size() != field.inverse_deviation.size()) {
        throw DataError("{}: mean and inverse_deviation differ in length", where);
      }
    } else {
      json.Text("table");
      field.row_count = json.Int("rows", 1, std::numeric_limits<int32_t>::max());
      const std::string file = fmt::format("vocabulary/{}.json", table++);
      if (json.Text("vocabulary") != file) throw DataError("{}: vocabulary is not {}", where, file);
      if (field.kind != FieldKind::kId) {
        field.vocabulary = ReadVocabulary(folder + "/" + file, field.row_count);
      }
    }
    json.Finish();
    fields.push_back(std::move(field));
  }
  return fields;
}

// Reads an HDF5 file after it passed the gate.
template <typename Read>
auto ReadThroughGate(const std::string& path, const std::string& sha256, const Read& read) {
  const FileDescriptor file = OpenListedFile(path);
  FileGate().Admit({{&file, sha256, [&] { read(file); }}});
  return read(file);
}

void CheckCatalogue(const std::string& path, const InputSchema& schema) {
  const Catalogue& catalogue = schema.catalogue;
  const size_t items = catalogue.items->ids.size();
  int64_t row_count = 1;
  for (const FieldSchema& field : schema.row_fields) {
    if (field.kind == FieldKind::kId) row_count = field.row_count;
  }
  if (catalogue.id_rows.size() != items || catalogue.event_counts.size() != items) {
    throw DataError("'{}' does not have as many entries as the catalogue has items", path);
  }
  std::vector<bool> taken(row_count, false);
  for (const int64_t row : catalogue.id_rows) {
    if (row < 0 || row >= row_count || (row > 0 && taken[row])) {
      throw DataError("'{}': table row {} is none of the {} rows, or belongs to two items", path,
                      row, row_count);
    }
    taken[row] = true;
  }
  for (const int64_t count : catalogue.event_counts) {
    if (count < 0) throw DataError("'{}': {} training events", path, count);
  }
}

void ReadCatalogue(const std::string& folder, const std::map<std::string, std::string>& files,
                   InputSchema& schema) {
  const std::string path = folder + "/" + kCatalogue, rows = folder + "/" + kCatalogueRows;
  schema.catalogue.items = std::make_shared<const EntityTable>(
      ReadThroughGate(path, files.at(kCatalogue), [&](const FileDescriptor& file) {
        EntityTable table = ReadEntities(file);
        CheckNumbers(path, table);
        return table;
      }));
  const auto read = [](const FileDescriptor& file) {
    const Hdf5File hdf5 = Hdf5File::OpenReadOnly(file);
    return std::pair(hdf5.ReadDataset<int64_t>(kIdRows), hdf5.ReadDataset<int64_t>(kEventCounts));
  };
  std::tie(schema.catalogue.id_rows, schema.catalogue.event_counts) =
      ReadThroughGate(rows, files.at(kCatalogueRows), read);
  CheckCatalogue(rows, schema);
}

}  // namespace

std::string TableTensor(const std::string& table) { return "tables/" + table; }
std::string TableIdsTensor(const std::string& table) { return "table_ids/" + table; }
std::string TableLastStepsTensor(const std::string& table) { return "table_last_steps/" + table; }
std::string TableMeansTensor(const std::string& table) { return "table_means/" + table; }

void WriteModelDescription(const InputSchema& schema, ModelDescription description,
                           const std::string& folder) {
  MakeFolder(folder + "/vocabulary", 0777);
  int64_t table = 0;
  Json json = {
      {"format_version", ModelDescription::kFormatVersion},
      {"checkpoint", {{"step", description.step}, {"sha256", description.checkpoint_sha256}}},
      {"data_set", {{"name", schema.data_name}, {"sha256", description.data_sha256}}},
      {"tool_version", description.tool_version},
      {"task_side", schema.task_side},
      {"item_side", schema.row_side},
      {"labels",
       {{"min", schema.label_min},
        {"max", schema.label_max},
        {"mean", schema.label_mean},
        {"negative_rows", schema.negative_rows},
        {"positive_only", schema.positive_only}}},
      {"training_events", schema.event_count},
      {"output_offset", description.output_offset}};
  json["task_fields"] = WriteFields(schema.task_fields, schema.catalogue, folder, table);
  json["item_fields"] = WriteFields(schema.row_fields, schema.catalogue, folder, table);
  WriteCatalogue(schema.catalogue, folder);
  SyncFolder(folder + "/vocabulary");
  Json files = Json::object();
  for (const std::string& file : FilesOf(schema)) files[file] = Sha256OfFile(folder + "/" + file);
  json["files"] = std::move(files);
  WriteFileDurably(folder + "/model.json",
                   json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n", kSharedFile);
}

ModelDescription ReadModelDescription(const std::string& folder, InputSchema& schema) {
  RequireTrustedFolder(folder);
  const std::string path = folder + "/model.json", where = "'" + path + "'";
  const nlohmann::json json =
      ParseJson(ReadWholeFile(path, kMostJsonBytes), /*max_depth=*/5, where);
  JsonFields fields(json, where);
  const int64_t version = fields.Int("format_version", 1, std::numeric_limits<int32_t>::max());
  if (version != 2 && version != ModelDescription::kFormatVersion) {
    throw DataError("{} has format version {}, and this hearth reads 2 and {}; export it again",
                    where, version, ModelDescription::kFormatVersion);
  }
  ModelDescription description;
  description.format_version = version;
  JsonFields checkpoint(fields.Object("checkpoint"), where + ": checkpoint");
  description.step = checkpoint.Int("step", 0, std::numeric_limits<int64_t>::max());
  description.checkpoint_sha256 = checkpoint.Hex("sha256", kSha256Digits);
  checkpoint.Finish();
  JsonFields data(fields.Object("data_set"), where + ": data_set");
  schema.data_name = data.Text("name");
  description.data_sha256 = schema.data_hash = data.Hex("sha256", kSha256Digits);
  data.Finish();
  description.tool_version = fields.Text("tool_version");
  schema.task_side = fields.Text("task_side");
  schema.row_side = fields.Text("item_side");
  JsonFields labels(fields.Object("labels"), where + ": labels");
  schema.label_min = static_cast<float>(labels.Number("min"));
  schema.label_max = static_cast<float>(labels.Number("max"));
  schema.label_mean = labels.Number("mean");
  if (version > 2) {
    schema.negative_rows = labels.Int("negative_rows", 0, std::numeric_limits<int64_t>::max() - 1);
  }
  schema.positive_only = labels.Bool("positive_only");
  labels.Finish();
  schema.event_count = fields.Int("training_events", 1, std::numeric_limits<int64_t>::max());
  description.output_offset = fields.Number("output_offset");
  for (const auto& [file, sha256] : fields.Object("files").items()) {
    if (!sha256.is_string()) throw DataError("{}: files: '{}' has no hash", where, file);
    description.files[file] = sha256.get<std::string>();
  }
  int64_t table = 0;
  schema.task_fields = ReadFields(fields.Array("task_fields"), folder, table);
  schema.row_fields = ReadFields(fields.Array("item_fields"), folder, table);
  fields.Finish();
  const std::vector<std::string> files = FilesOf(schema);
  if (files.size() != description.files.size()) {
    throw DataError("{} lists {} files, and the model has {}", where, description.files.size(),
                    files.size());
  }
  for (const std::string& file : files) {
    if (!description.files.contains(file)) throw DataError("{} does not list '{}'", where, file);
    RequireSha256(OpenListedFile(folder + "/" + file), description.files.at(file));
  }
  ReadCatalogue(folder, description.files, schema);
  return description;
}

}  // namespace hearth

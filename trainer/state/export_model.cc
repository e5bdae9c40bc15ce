#include "trainer/state/export_model.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cluster/consensus.h"
#include "cluster/row_partition.h"
#include "common/error.h"
#include "common/rank_place.h"
#include "storage/file/durable_file.h"
#include "trainer/state/model_arrays.h"
#include "trainer/state/safetensors.h"

namespace hearth {
namespace {

constexpr int kFormatVersion = 1;
constexpr int64_t kBlockBytes = int64_t{32} << 20;

/// A tensor of the file: an array of the checkpoint.
struct Tensor {
  std::string array;
  ArraySpec spec;
  bool by_id = false;  ///< row i is that of id i; else rows are as in the checkpoint
};
using Tensors = std::map<std::string, Tensor>;  // [name]

// Names of features may hold anything, but do not begin like this.
std::string TableTensor(const std::string& table) { return "tables/" + table; }
std::string TableIdsTensor(const std::string& table) { return "table_ids/" + table; }
std::string TableMeansTensor(const std::string& table) { return "table_means/" + table; }

void AddTable(const CheckpointReader& checkpoint, size_t number, const TableSpec& table,
              ColumnType real, Tensors& tensors) {
  const std::string prefix = TableArray(number, table.name);
  const std::string rows = prefix + "/rows", ids = prefix + "/ids", means = prefix + "/means";
  const bool dynamic = checkpoint.Has(ids);
  const int64_t row_count = dynamic ? checkpoint.Spec(ids).row_count() : table.row_count;
  tensors[TableTensor(table.name)] = {
      rows, RequireArray(checkpoint, rows, {real, {row_count, table.dim}}), !dynamic};
  if (dynamic) {
    tensors[TableIdsTensor(table.name)] = {
        ids, RequireArray(checkpoint, ids, {ColumnType::kInt64, {row_count}})};
  }
  if (checkpoint.Has(means)) {
    const ArraySpec spec{real, {RowPartition::kBuckets, table.dim + 1}};
    tensors[TableMeansTensor(table.name)] = {means, RequireArray(checkpoint, means, spec)};
  }
}

Tensors TensorsOf(const CheckpointReader& checkpoint, const Learner& learner) {
  RequireRowOrder(checkpoint);
  const ColumnType real =
      learner.tensor_options().dtype() == at::kDouble ? ColumnType::kFloat64 : ColumnType::kFloat32;
  Tensors tensors;
  const std::vector<ParameterSpec>& parameters = learner.layout().specs();
  for (size_t p = 0; p < parameters.size(); ++p) {
    const std::string array = ParameterArray(p, parameters[p].name);
    const ArraySpec& found = RequireArray(checkpoint, array, {real, parameters[p].shape});
    tensors[parameters[p].name] = {array, found};
  }
  const std::vector<TableSpec>& tables = learner.tables();
  for (size_t t = 0; t < tables.size(); ++t) AddTable(checkpoint, t, tables[t], real, tensors);
  return tensors;
}

SafetensorsLayout LayoutOf(const Tensors& tensors, const CheckpointManifest& manifest) {
  std::map<std::string, ArraySpec> specs;
  for (const auto& [name, tensor] : tensors) specs[name] = tensor.spec;
  return {specs, {{"format", "hearth"}, {"checkpoint_sha256", manifest.sha256}}};
}

/// The rows of ids [begin, end): each bucket has its own side by side.
void ReadIds(const CheckpointReader& checkpoint, const Tensor& tensor, RowRange ids, char* out) {
  const RowPartition partition(tensor.spec.row_count(), 1);
  const int64_t row_bytes = tensor.spec.row_bytes(), stride = RowPartition::kBuckets;
  std::vector<char> rows;
  for (int64_t first = ids.begin; first < std::min(ids.end, ids.begin + stride); ++first) {
    const int64_t count = (ids.end - first + stride - 1) / stride;
    const int64_t position = partition.PositionOf(first);
    rows.resize(count * row_bytes);
    checkpoint.ReadRows(tensor.array, {position, position + count}, rows.data());
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(out + (first - ids.begin + i * stride) * row_bytes, rows.data() + i * row_bytes,
                  row_bytes);
    }
  }
}

/// Bytes [begin, end) of the file.
struct ByteRange {
  int64_t begin = 0, end = 0;
};

/// What a rank writes of the values. Whole pages: of a page that several hosts write to, a network
/// file system may bring back what one of them remembers.
ByteRange ShareOf(const SafetensorsLayout& layout, RankPlace place) {
  constexpr int64_t kPageBytes = SafetensorsLayout::kPageBytes;
  const int64_t begin = std::ssize(layout.head());
  const int64_t pages = (layout.size_bytes() - begin + kPageBytes - 1) / kPageBytes;
  const auto border = [&](int64_t rank) {
    return std::min(layout.size_bytes(), begin + pages * rank / place.world_size * kPageBytes);
  };
  return {border(place.rank), border(place.rank + 1)};
}

/// What lies in `range` of a tensor whose first byte is `offset`.
void WriteTensor(const CheckpointReader& checkpoint, const Tensor& tensor, int64_t offset,
                 ByteRange range, const FileDescriptor& file) {
  const int64_t row_bytes = tensor.spec.row_bytes();
  const int64_t size_bytes = tensor.spec.row_count() * row_bytes;
  const int64_t begin = std::max(range.begin, offset),
                end = std::min(range.end, offset + size_bytes);
  if (begin >= end) return;
  const int64_t first = (begin - offset) / row_bytes;
  const int64_t last = (end - offset + row_bytes - 1) / row_bytes;
  const int64_t block = std::max<int64_t>(1, kBlockBytes / row_bytes);
  std::vector<char> bytes;
  for (int64_t row = first; row < last; row += block) {
    const RowRange rows{row, std::min(last, row + block)};
    bytes.resize(rows.size() * row_bytes);
    if (tensor.by_id) {
      ReadIds(checkpoint, tensor, rows, bytes.data());
    } else {
      checkpoint.ReadRows(tensor.array, rows, bytes.data());
    }
    const int64_t from = offset + rows.begin * row_bytes;
    const int64_t write_begin = std::max(from, begin);
    const int64_t write_end = std::min(offset + rows.end * row_bytes, end);
    file.WriteAt(bytes.data() + (write_begin - from), write_end - write_begin, write_begin);
  }
}

void WriteShare(const CheckpointReader& checkpoint, const Tensors& tensors,
                const SafetensorsLayout& layout, RankPlace place, FileDescriptor file) {
  if (place.rank == 0) file.WriteAt(layout.head().data(), std::ssize(layout.head()), 0);
  const ByteRange range = ShareOf(layout, place);
  for (const auto& [name, tensor] : tensors) {
    WriteTensor(checkpoint, tensor, layout.OffsetOf(name), range, file);
  }
  file.Sync();
  file.Close();
}

/// The original value of each table row of a field, row 0 being the unknown's.
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

/// Describes the fields of one side, in the model's order, and writes their vocabularies.
nlohmann::ordered_json WriteFields(const std::vector<FieldSchema>& fields,
                                   const Catalogue& catalogue, const std::string& folder,
                                   size_t& table) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const FieldSchema& field : fields) {
    nlohmann::ordered_json entry = {{"name", field.name}, {"kind", NameOf(field.kind)}};
    if (field.is_categorical()) {
      const std::string file = fmt::format("vocabulary/{}.json", table++);
      WriteVocabulary(folder + "/" + file, VocabularyOf(field, catalogue));
      entry["table"] = TableTensor(field.name);
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

/// All but the tensors. Rank 0.
void WriteDescription(const ModelExport& model, const std::string& folder) {
  const std::string vocabularies = folder + "/vocabulary";
  MakeFolder(vocabularies, 0777);
  const Learner& learner = model.learner;
  const InputSchema& schema = *learner.schema();
  const CheckpointManifest& manifest = model.checkpoint.manifest();
  size_t table = 0;
  nlohmann::ordered_json json = {
      {"format_version", kFormatVersion},
      {"checkpoint", {{"step", manifest.step}, {"sha256", manifest.sha256}}},
      {"data_set", {{"name", schema.data_name}, {"sha256", manifest.data_hash}}},
      {"tool_version", manifest.tool_version},
      {"output_offset", learner.model().output_offset()}};
  json["task_fields"] = WriteFields(schema.task_fields, schema.catalogue, folder, table);
  json["item_fields"] = WriteFields(schema.row_fields, schema.catalogue, folder, table);
  SyncFolder(vocabularies);
  WriteFileDurably(folder + "/config.yaml", model.settings, kSharedFile);
  WriteFileDurably(
      folder + "/model.json",
      json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n",
      kSharedFile);
}

/// The file that rank 0 has made.
FileDescriptor OpenShared(const std::string& path) {
  try {
    return FileDescriptor::OpenForWriting(path);
  } catch (const StorageError& error) {
    throw StorageError("{}; the output must be on storage that all ranks share", error.what());
  }
}

/// Throws on all ranks when `work` did on one. Collective.
void Together(Communicator& communicator, const std::function<void()>& work) {
  const std::optional<RankFailure> failure = AgreeOnFailure(communicator, Attempt(work));
  if (failure) Throw(*failure);
}

}  // namespace

void ExportModel(const ModelExport& model, const std::string& folder, Communicator& communicator) {
  const RankPlace place{communicator.rank(), communicator.world_size()};
  const bool is_root = communicator.is_root();
  Tensors tensors;
  std::optional<SafetensorsLayout> layout;
  std::optional<PendingFolder> pending;
  std::optional<PendingFile> values;
  Together(communicator, [&] {
    tensors = TensorsOf(model.checkpoint, model.learner);
    layout.emplace(LayoutOf(tensors, model.checkpoint.manifest()));
    if (!is_root) return;
    pending.emplace(folder);
    values.emplace(pending->temporary_path() + "/model.safetensors", kSharedFile);
  });
  const std::string path = BroadcastText(communicator, is_root ? values->temporary_path() : "");
  Together(communicator, [&] {
    WriteShare(model.checkpoint, tensors, *layout, place,
               is_root ? values->descriptor().Duplicate() : OpenShared(path));
  });
  Together(communicator, [&] {
    if (!is_root) return;
    values->Commit();
    WriteDescription(model, pending->temporary_path());
    pending->Commit();
  });
}

}  // namespace hearth

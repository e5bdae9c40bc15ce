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
#include "trainer/state/model_description.h"
#include "trainer/state/model_folder.h"
#include "trainer/state/safetensors.h"

namespace hearth {
namespace {

constexpr int64_t kBlockBytes = int64_t{32} << 20;

/// A tensor of the file: an array of the checkpoint.
struct Tensor {
  std::string array;
  ArraySpec spec;
  bool by_id = false;  ///< row i is that of id i; else rows are as in the checkpoint
};
using Tensors = std::map<std::string, Tensor>;  // [name]

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
  const std::string last_steps = prefix + "/last_step";
  if (dynamic) {
    tensors[TableLastStepsTensor(table.name)] = {
        last_steps, RequireArray(checkpoint, last_steps, {ColumnType::kInt64, {row_count}})};
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

/// The bytes of the values that a rank writes: whole pages, because a network file system may bring
/// back an old copy of a page that several hosts write to.
ByteRange ShareOf(const SafetensorsLayout& layout, RankPlace place) {
  constexpr int64_t kPageBytes = SafetensorsLayout::kPageBytes;
  const int64_t begin = std::ssize(layout.head());
  const int64_t pages = (layout.size_bytes() - begin + kPageBytes - 1) / kPageBytes;
  const auto border = [&](int64_t rank) {
    return std::min(layout.size_bytes(), begin + pages * rank / place.world_size * kPageBytes);
  };
  return {border(place.rank), border(place.rank + 1)};
}

/// Writes the bytes of a tensor that lie in `range`. The first byte of the tensor is at `offset`.
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

/// Everything but the tensors. Rank 0.
void WriteFiles(const ModelSource& model, const std::string& folder) {
  const CheckpointManifest& manifest = model.checkpoint.manifest();
  ModelDescription description{.step = manifest.step,
                               .checkpoint_sha256 = manifest.sha256,
                               .data_sha256 = manifest.data_hash,
                               .tool_version = manifest.tool_version,
                               .output_offset = model.learner.model().output_offset()};
  WriteFileDurably(folder + "/config.yaml", model.settings, kSharedFile);
  WriteFileDurably(folder + "/card.md", model.card, kSharedFile);
  WriteModelDescription(*model.learner.schema(), description, folder);
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

void WriteModelFolder(const ModelSource& model, const std::string& folder,
                      Communicator& communicator) {
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
    WriteFiles(model, pending->temporary_path());
    pending->Commit();
  });
}

}  // namespace hearth

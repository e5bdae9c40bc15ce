#include "trainer/state/model_folder.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <ATen/ops/empty.h>

#include "common/error.h"
#include "storage/file/durable_file.h"
#include "storage/shard/file_gate.h"
#include "trainer/tensor/finite.h"

namespace hearth {
namespace {

constexpr int64_t kBlockBytes = int64_t{32} << 20;

ColumnType TypeOf(const at::Tensor& tensor) {
  if (tensor.scalar_type() == at::kLong) return ColumnType::kInt64;
  return tensor.scalar_type() == at::kDouble ? ColumnType::kFloat64 : ColumnType::kFloat32;
}

// Reads rows of a tensor of the file into memory of the host.
at::Tensor ReadRows(const SafetensorsFile& file, const std::string& name, RowRange rows,
                    const at::Tensor& like) {
  std::vector<int64_t> shape = file.tensors().at(name).shape;
  shape[0] = rows.size();
  at::Tensor values = at::empty(shape, like.options().device(at::kCPU));
  file.ReadRows(name, rows, values.mutable_data_ptr());
  if (values.is_floating_point() && !IsFinite(values)) {
    throw DataError("'{}': tensor '{}' has a value that is not finite", file.path(), name);
  }
  return values;
}

// Calls visit(first row, rows) for all rows of a tensor, block by block.
void ForEachBlock(const SafetensorsFile& file, const std::string& name, RowRange all,
                  const at::Tensor& like,
                  const std::function<void(int64_t, const at::Tensor&)>& visit) {
  const int64_t row_bytes = file.tensors().at(name).row_bytes();
  const int64_t block = std::max<int64_t>(1, kBlockBytes / std::max<int64_t>(1, row_bytes));
  for (int64_t begin = all.begin; begin < all.end; begin += block) {
    const RowRange rows{begin, std::min(all.end, begin + block)};
    visit(begin, ReadRows(file, name, rows, like));
  }
}

void LoadDense(const SafetensorsFile& file, const ParameterLayout& layout, at::Tensor& dense) {
  for (const ParameterSpec& spec : layout.specs()) {
    at::Tensor to = dense.narrow(0, spec.offset, spec.count).view(spec.shape);
    file.Require(spec.name, {TypeOf(to), spec.shape});
    to.copy_(ReadRows(file, spec.name, {0, spec.shape[0]}, to));
  }
}

// The tensor that holds an array of a table's state.
std::string TensorOf(const std::string& table, const std::string& array) {
  if (array == "rows") return TableTensor(table);
  if (array == "ids") return TableIdsTensor(table);
  if (array == "last_step") return TableLastStepsTensor(table);
  HEARTH_CHECK(array == "means", "array {}", array);
  return TableMeansTensor(table);
}

void LoadArray(const SafetensorsFile& file, const EmbeddingTable& table, StateArray& array) {
  const std::string name = TensorOf(table.name(), array.name);
  std::vector<int64_t> shape = array.values.sizes().vec();
  shape[0] = array.domain.row_count;
  file.Require(name, {TypeOf(array.values), shape});
  const PositionRange held = array.domain.held;
  // A table with a row for every id lies in the order of ids in the file, and bucket by bucket
  // here.
  const bool by_id = array.name == "rows" && !table.directory().is_dynamic();
  const RowRange all = by_id ? RowRange{0, shape[0]} : RowRange{held.begin, held.end};
  ForEachBlock(file, name, all, array.values, [&](int64_t first, const at::Tensor& rows) {
    if (!by_id) {
      array.values.narrow(0, first - held.begin, rows.size(0)).copy_(rows);
      return;
    }
    for (int64_t i = 0; i < rows.size(0); ++i) {
      const int64_t place = table.LocalRowOf(first + i);
      if (place >= 0) array.values.select(0, place).copy_(rows.select(0, i));
    }
  });
}

}  // namespace

ModelFolder::ModelFolder(const std::string& path) : path_(path) {
  auto schema = std::make_shared<InputSchema>();
  description_ = ReadModelDescription(path, *schema);
  schema_ = std::move(schema);
  hash_ = description_.files.at("model.safetensors");
  tensors_ = std::make_unique<SafetensorsFile>(OpenListedFile(path + "/model.safetensors"));
}

void ModelFolder::Load(const ParameterLayout& layout, MetaParameters& parameters) const {
  LoadDense(*tensors_, layout, parameters.dense);
  for (EmbeddingTable& table : parameters.tables) {
    StateList state;
    table.ListModel(state);
    for (StateArray& array : state) LoadArray(*tensors_, table, array);
    try {
      for (const StateArray& array : state) {
        if (array.on_load) array.on_load();
      }
    } catch (const DataError& error) {
      throw DataError("'{}': table '{}': {}", tensors_->path(), table.name(), error.what());
    }
  }
}

void CopyModelFolder(const ModelFolder& model, const std::string& folder) {
  PendingFolder pending(folder);
  MakeFolder(pending.temporary_path() + "/vocabulary", 0777);
  const auto copy = [&](const std::string& file) {
    const FileDescriptor from = OpenListedFile(model.path() + "/" + file);
    PendingFile to(pending.temporary_path() + "/" + file, kSharedFile);
    std::string block;
    for (int64_t begin = 0, size = from.SizeBytes(); begin < size; begin += kBlockBytes) {
      block.resize(std::min(kBlockBytes, size - begin));
      from.ReadAt(block.data(), std::ssize(block), begin);
      to.descriptor().Write(block);
    }
    to.Commit();
  };
  for (const auto& [file, sha256] : model.description().files) copy(file);
  copy("model.json");
  SyncFolder(pending.temporary_path() + "/vocabulary");
  pending.Commit();
}

}  // namespace hearth

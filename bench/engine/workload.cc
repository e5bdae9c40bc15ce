#include "bench/engine/workload.h"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>

#include "common/random.h"
#include "trainer/adapt/meta_method.h"

namespace hearth {
namespace {

constexpr int64_t kSupportRows = 20, kLongestSupport = 200, kItems = 2000, kCategories = 50;

EntityTable MakeEntities(int64_t count, uint64_t side) {
  EntityTable table;
  for (int64_t e = 0; e < count; ++e) table.ids.push_back(std::to_string(e));
  for (uint64_t f = 0; f < 4; ++f) {
    FeatureColumn column;
    column.name = "f" + std::to_string(f);
    for (int64_t v = 0; v < kCategories; ++v) column.vocabulary.push_back(std::to_string(v));
    RandomStream random(1, Purpose::kTest, side, f);
    for (int64_t e = 0; e < count; ++e) {
      column.categories.push_back(static_cast<int32_t>(random.NextBelow(kCategories)));
    }
    table.features.push_back(std::move(column));
  }
  return table;
}

std::vector<int64_t> DrawSupportLengths(const WorkloadOptions& options) {
  std::vector<int64_t> lengths(static_cast<size_t>(options.tasks), kSupportRows);
  if (options.lengths == Lengths::kFixed) return lengths;
  RandomStream random(2, Purpose::kTest);
  for (int64_t& length : lengths) {
    length = std::clamp<int64_t>(std::llround(std::exp(3.5 + 0.9 * random.NextNormal())), 1,
                                 kLongestSupport);
  }
  if (options.lengths == Lengths::kLognormalPadded) {
    lengths.assign(lengths.size(), *std::max_element(lengths.begin(), lengths.end()));
  }
  return lengths;
}

void AddTask(TaskRows& rows, int64_t count, RandomStream& random) {
  for (int64_t r = 0; r < count; ++r) {
    rows.items.push_back(static_cast<int64_t>(random.NextBelow(kItems)));
    rows.labels.push_back(static_cast<float>(1 + random.NextBelow(5)));
  }
  rows.offsets.push_back(rows.offsets.back() + count);
}

std::vector<Chunk> MakeChunks(const WorkloadOptions& options) {
  const std::vector<int64_t> lengths = DrawSupportLengths(options);
  RandomStream support(3, Purpose::kTest), query(4, Purpose::kTest);
  std::vector<Chunk> chunks;
  for (int64_t t = 0; t < options.tasks; ++t) {
    if (t % options.chunk == 0) chunks.emplace_back().number = t / options.chunk;
    chunks.back().task_ids.push_back(t);
    AddTask(chunks.back().support, lengths[static_cast<size_t>(t)], support);
    AddTask(chunks.back().query, Workload::kQueryRows, query);
  }
  return chunks;
}

PlainRows MakeZeroRows(int64_t tasks, int64_t rows, int64_t width) {
  return {at::zeros({tasks, rows, width}), at::zeros({tasks, rows}), at::zeros({tasks, rows}), {}};
}

// Rows of a chunk, padded to its own longest task, become tasks begin.. of `all`.
void CopyRows(const at::Tensor& inputs, const RowBatch& from, const TaskRows& csr, int64_t begin,
              PlainRows& all) {
  const auto place = [&](const at::Tensor& of) {
    return of.narrow(0, begin, inputs.size(0)).narrow(1, 0, inputs.size(1));
  };
  place(all.inputs).copy_(inputs.detach() * from.mask.unsqueeze(2));
  place(all.labels).copy_(from.labels);
  place(all.weights).copy_(from.mask * from.inverse_count.unsqueeze(1));
  for (size_t t = 0; t + 1 < csr.offsets.size(); ++t) {
    all.counts.push_back(csr.offsets[t + 1] - csr.offsets[t]);
  }
}

int64_t LongestTask(const std::vector<Chunk>& chunks) {
  int64_t longest = 0;
  for (const Chunk& chunk : chunks) {
    const std::vector<int64_t>& offsets = chunk.support.offsets;
    for (size_t t = 0; t + 1 < offsets.size(); ++t) {
      longest = std::max(longest, offsets[t + 1] - offsets[t]);
    }
  }
  return longest;
}

}  // namespace

PlainTasks PlainTasks::To(at::ScalarType type) const {
  const auto convert = [type](PlainRows rows) {
    rows.inputs = rows.inputs.to(type);
    rows.labels = rows.labels.to(type);
    // 1 / rows is not exact in float32, so it is formed again.
    if (type == at::kDouble) {
      const at::Tensor mask = (rows.weights > 0).to(type);
      rows.weights = mask / mask.sum(1, /*keepdim=*/true);
    }
    return rows;
  };
  PlainTasks result{.theta = {}, .support = convert(support), .query = convert(query)};
  for (const at::Tensor& value : theta) result.theta.push_back(value.to(type));
  return result;
}

Workload::Workload(const WorkloadOptions& options)
    : options_(options), users_(MakeEntities(options.tasks, 0)), items_(MakeEntities(kItems, 1)) {
  user_fields_.emplace(users_, "user", std::vector<std::string>{});
  item_fields_.emplace(items_, "item", std::vector<std::string>{});
  meta_.method = options.order == 2 ? MetaOptions::Method::kMaml : MetaOptions::Method::kFomaml;
  meta_.inner_steps = options.inner_steps;
  meta_.inner_lr = kInnerLr;
  meta_.learn_inner_lr = MetaOptions::LearnInnerLr::kNo;
  ModelOptions model;
  model.dim = 32;
  model_ = MakeRecommender(model, *user_fields_, *item_fields_, /*output_offset=*/0.0);
  method_ = MakeMethod(meta_, *model_);
  MetaOptions recompute = meta_;
  recompute.recompute = true;
  recomputing_ = MakeMethod(recompute, *model_);
  const at::TensorOptions float32 = at::TensorOptions().dtype(at::kFloat);
  builder_ = std::make_unique<BatchBuilder>(*user_fields_, *item_fields_, float32);
  parameters_.emplace(InitializeMetaParameters(model_->layout(), model_->tables(),
                                               TableOptimizer::kAdam, 3, float32));
  chunks_ = MakeChunks(options);
  tasks_ = MakePlainTasks();
}

Workload::ChunkInputs Workload::EncodeInputs(const Chunk& chunk, at::ScalarType type) const {
  const BatchBuilder builder(*user_fields_, *item_fields_, at::TensorOptions().dtype(type));
  ChunkInputs result{.batch = builder.Build(chunk), .rows = {}, .support = {}, .query = {}};
  for (const at::Tensor& rows : GatherTableRows(*parameters_, result.batch.table_rows, {})) {
    result.rows.push_back(rows.to(type).requires_grad_(true));
  }
  const ParameterValues theta = ViewParameters(model_->layout(), parameters_->dense.to(type));
  const EncodedChunk encoded = Encode(*model_, theta, result.batch, result.rows);
  const auto inputs = [&](const RowBatch& of) {
    const at::Tensor items = GatherRows(encoded.items, of.entity);
    return at::cat({encoded.tasks.unsqueeze(1).expand({-1, items.size(1), -1}), items}, 2);
  };
  result.support = inputs(result.batch.support);
  result.query = inputs(result.batch.query);
  return result;
}

PlainTasks Workload::MakePlainTasks() const {
  PlainTasks tasks;
  const ParameterValues theta = ViewParameters(model_->layout(), parameters_->dense);
  for (const at::Tensor& value : theta.tensors()) {
    tasks.theta.push_back(value.clone());
  }
  const int64_t width = tasks.theta.front().size(0);
  tasks.support = MakeZeroRows(options_.tasks, LongestTask(chunks_), width);
  tasks.query = MakeZeroRows(options_.tasks, kQueryRows, width);
  int64_t begin = 0;
  for (const Chunk& chunk : chunks_) {
    const ChunkInputs inputs = EncodeInputs(chunk, at::kFloat);
    CopyRows(inputs.support, inputs.batch.support, chunk.support, begin, tasks.support);
    CopyRows(inputs.query, inputs.batch.query, chunk.query, begin, tasks.query);
    begin += chunk.task_count();
  }
  return tasks;
}

std::vector<std::vector<at::Tensor>> Workload::RowGradients(const MetaGradient& gradient) const {
  std::vector<std::vector<at::Tensor>> result;
  int64_t begin = 0;
  for (const Chunk& chunk : chunks_) {
    const ChunkInputs inputs = EncodeInputs(chunk, at::kDouble);
    const auto of_chunk = [&](const at::Tensor& all, const at::Tensor& like) {
      return all.narrow(0, begin, like.size(0)).narrow(1, 0, like.size(1)).contiguous();
    };
    result.push_back(torch::autograd::grad(
        {inputs.support, inputs.query}, inputs.rows,
        {of_chunk(gradient.support, inputs.support), of_chunk(gradient.query, inputs.query)}));
    begin += chunk.task_count();
  }
  return result;
}

}  // namespace hearth

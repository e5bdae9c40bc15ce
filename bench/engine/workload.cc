#include "bench/engine/workload.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>

#include "common/random.h"

namespace hearth {
namespace {

constexpr int64_t kSupportRows = 20, kLongestSupport = 200, kItems = 2000, kCategories = 50;

std::shared_ptr<const EntityTable> MakeEntities(int64_t count, uint64_t side) {
  EntityTable table;
  for (int64_t e = 0; e < count; ++e) table.ids.push_back(std::to_string(e));
  for (uint64_t f = 0; f < 4; ++f) {
    FeatureColumn column;
    column.name = "f" + std::to_string(f);
    column.vocabulary.emplace_back();
    for (int64_t v = 1; v < kCategories; ++v) column.vocabulary.push_back(std::to_string(v));
    RandomStream random(1, Purpose::kTest, side, f);
    for (int64_t e = 0; e < count; ++e) {
      column.categories.push_back(static_cast<int32_t>(random.NextBelow(kCategories)));
    }
    table.features.push_back(std::move(column));
  }
  return std::make_shared<const EntityTable>(std::move(table));
}

// Every column becomes a field; the items have no id field.
std::vector<FieldSchema> FieldsOf(const std::string& side, const EntityTable& entities) {
  std::vector<FieldSchema> fields;
  for (const FeatureColumn& column : entities.features) {
    fields.push_back({.name = side + "." + column.name,
                      .kind = FieldKind::kCategory,
                      .row_count = std::ssize(column.vocabulary),
                      .vocabulary = column.vocabulary});
  }
  return fields;
}

// The mean label is 0, so nothing is added to a score.
std::shared_ptr<const InputSchema> MakeSchema(const EntityTable& users) {
  InputSchema schema;
  schema.catalogue.items = MakeEntities(kItems, 1);
  schema.catalogue.id_rows.assign(kItems, 0);
  schema.task_fields = FieldsOf("user", users);
  schema.row_fields = FieldsOf("item", *schema.catalogue.items);
  return std::make_shared<const InputSchema>(std::move(schema));
}

LearnerOptions OptionsOf(const WorkloadOptions& workload, bool recompute) {
  LearnerOptions options;
  options.model.dim = 32;
  if (workload.order == 1) options.meta.method = MetaOptions::Method::kFomaml;
  options.descent = {.inner_steps = workload.inner_steps,
                     .inner_lr = Workload::kInnerLr,
                     .learn_inner_lr = GradientDescentOptions::LearnInnerLr::kNo,
                     .recompute = recompute};
  return options;
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
    : Workload(options, MakeEntities(options.tasks, 0)) {}

Workload::Workload(const WorkloadOptions& options, std::shared_ptr<const EntityTable> users)
    : options_(options),
      learner_(MakeSchema(*users), OptionsOf(options, /*recompute=*/false),
               at::TensorOptions().dtype(at::kFloat)),
      recomputing_(learner_.schema(), OptionsOf(options, /*recompute=*/true),
                   learner_.tensor_options()),
      data_(*learner_.schema(), std::move(users), learner_.schema()->catalogue.items,
            learner_.tensor_options()),
      parameters_(learner_.InitialParameters(TableOptimizer::kAdam, /*seed=*/3)),
      chunks_(MakeChunks(options)),
      tasks_(MakePlainTasks()) {}

Workload::ChunkInputs Workload::EncodeInputs(const Chunk& chunk, at::ScalarType type) const {
  const BatchBuilder builder(data_.tasks(), data_.items(), at::TensorOptions().dtype(type));
  ChunkInputs result{.batch = builder.Build(chunk), .rows = {}, .support = {}, .query = {}};
  for (const at::Tensor& rows : GatherTableRows(parameters_, result.batch.table_rows)) {
    result.rows.push_back(rows.to(type).requires_grad_(true));
  }
  const ParameterValues theta = ViewParameters(learner_.layout(), parameters_.dense.to(type));
  const EncodedChunk encoded = learner_.Encode(theta, result.batch, result.rows);
  const auto inputs = [&](const LabelledRows& of) {
    return learner_.model().MakeHeadRows(of.rows).x.x;
  };
  result.support = inputs(encoded.support);
  result.query = inputs(encoded.query);
  return result;
}

PlainTasks Workload::MakePlainTasks() const {
  PlainTasks tasks;
  const ParameterValues theta = ViewParameters(learner_.layout(), parameters_.dense);
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

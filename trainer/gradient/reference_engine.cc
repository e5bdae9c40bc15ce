#include "trainer/gradient/reference_engine.h"

#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include "trainer/adapt/task_loss.h"

namespace hearth {
namespace {

// The rows of one task, without padding.
RowBatch RowsOf(const RowBatch& rows, int64_t task) {
  const int64_t count = rows.mask.select(0, task).sum().item<int64_t>();
  const auto cut = [&](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.narrow(0, task, 1).narrow(1, 0, count) : tensor;
  };
  return {cut(rows.entity), cut(rows.labels), cut(rows.mask), rows.inverse_count.narrow(0, task, 1),
          cut(rows.negatives)};
}

void AddTo(std::vector<at::Tensor>& sums, const std::vector<at::Tensor>& gradients) {
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].defined()) continue;
    sums[i] = sums[i].defined() ? sums[i] + gradients[i] : gradients[i];
  }
}

}  // namespace

ReferenceEngine::ReferenceEngine(const EngineContext& context, const MetaOptions& options)
    : context_(context),
      options_(options),
      rates_(options, context.method.adapted(), context.method.adapts_rows(), context.model) {}

ReferenceEngine::TaskState ReferenceEngine::AdaptTask(TaskState state, const ChunkBatch& batch,
                                                      int64_t task) const {
  const bool second_order = options_.method != MetaOptions::Method::kFomaml;
  const std::vector<int64_t>& adapted = context_.method.adapted();
  const RowBatch support = RowsOf(batch.support, task);
  for (int64_t k = 0; !adapted.empty() && k < options_.inner_steps; ++k) {
    std::vector<at::Tensor*> places;
    for (const int64_t p : adapted) places.push_back(&state.values[static_cast<size_t>(p)]);
    if (context_.method.adapts_rows()) {
      for (at::Tensor& of_table : state.rows) places.push_back(&of_table);
    }
    std::vector<at::Tensor> values;
    for (const at::Tensor* place : places) values.push_back(*place);
    const at::Tensor loss = SupportLosses(options_, context_.model, state.values,
                                          InputsOf(state, batch, task, support), support)
                                .sum();
    const std::vector<at::Tensor> gradients =
        torch::autograd::grad({loss}, values, {}, true, second_order, /*allow_unused=*/true);
    for (size_t i = 0; i < places.size(); ++i) {
      if (!gradients[i].defined()) continue;
      const at::Tensor gradient = second_order ? gradients[i] : gradients[i].detach();
      *places[i] = values[i] - rates_.Scale(state.values, k, i, gradient);
    }
  }
  return state;
}

RowInputs ReferenceEngine::InputsOf(const TaskState& state, const ChunkBatch& batch, int64_t task,
                                    const RowBatch& rows) const {
  const EncodedChunk whole = Encode(context_.model, state.values, batch, state.rows);
  return MakeRowInputs(context_.model, whole.tasks.narrow(0, task, 1), whole.items, rows);
}

ChunkResult ReferenceEngine::Compute(const Chunk& chunk, const MetaParameters& parameters,
                                     bool hide_item_ids) const {
  const ParameterLayout& layout = context_.model.layout();
  const ChunkBatch batch = context_.builder.Build(chunk, hide_item_ids);
  const ParameterValues theta = MakeLeaves(layout, parameters.dense);
  std::vector<at::Tensor> rows = GatherTableRows(parameters, batch.table_rows);
  std::vector<at::Tensor> inputs = theta.tensors();
  for (at::Tensor& of_table : rows) inputs.push_back(of_table.requires_grad_(true));

  ChunkResult result;
  result.table_rows = batch.table_rows;
  std::vector<at::Tensor> sums(inputs.size());
  for (int64_t task = 0; task < chunk.task_count(); ++task) {
    const TaskState fast = AdaptTask({theta, rows}, batch, task);
    const RowBatch query = RowsOf(batch.query, task);
    const at::Tensor loss = TaskLosses(context_.loss, context_.model, fast.values,
                                       InputsOf(fast, batch, task, query), query)
                                .sum();
    AddTo(sums, torch::autograd::grad({loss}, inputs, {}, true, false, /*allow_unused=*/true));
    result.query_loss.push_back(loss.item<double>());
    result.loss_sum += result.query_loss.back();
    ++result.finite_task_count;
  }
  result.dense_gradient = FlattenGradients(
      layout, {sums.begin(), sums.begin() + layout.parameter_count()}, parameters.dense.options());
  result.row_gradients = ToRowGradients(sums, rows);
  return result;
}

}  // namespace hearth

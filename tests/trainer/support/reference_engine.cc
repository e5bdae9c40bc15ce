#include "tests/trainer/support/reference_engine.h"

#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include "trainer/adapt/task_loss.h"

namespace hearth {
namespace {

// Picks the rows of one task, without padding.
RowBatch RowsOf(const RowBatch& rows, int64_t task) {
  const int64_t count = rows.mask.select(0, task).sum().item<int64_t>();
  const auto cut = [&](const at::Tensor& tensor) {
    if (!tensor.defined()) return tensor;
    return tensor.narrow(0, task, 1).narrow(1, 0, count);
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

ReferenceEngine::FastTask ReferenceEngine::AdaptTask(FastTask state, const ChunkBatch& batch,
                                                     int64_t task) const {
  const auto* descent = dynamic_cast<const GradientDescent*>(&context_.learner.adaptation());
  if (descent == nullptr) return state;  // joint training
  const InnerRates& rates = descent->rates();
  const bool second_order = descent->is_exact_gradient();
  const double prior = options_.descent.support_prior;
  const RowBatch support = RowsOf(batch.support, task);
  for (int64_t k = 0; k < options_.descent.inner_steps; ++k) {
    std::vector<at::Tensor*> places;
    for (const int64_t p : rates.adapted()) places.push_back(&state.values[p]);
    if (descent->adapts_rows()) {
      for (at::Tensor& of_table : state.rows) places.push_back(&of_table);
    }
    std::vector<at::Tensor> values;
    for (const at::Tensor* place : places) values.push_back(*place);
    const double count = static_cast<double>(support.labels.size(1));
    const at::Tensor loss = Loss(state, batch, task, support) * (count / (count + prior));
    const std::vector<at::Tensor> gradients =
        torch::autograd::grad({loss}, values, {}, true, second_order, /*allow_unused=*/true);
    for (size_t i = 0; i < places.size(); ++i) {
      if (!gradients[i].defined()) continue;
      const at::Tensor gradient = second_order ? gradients[i] : gradients[i].detach();
      *places[i] = values[i] - rates.Scale(state.values, k, i, gradient);
    }
  }
  return state;
}

at::Tensor ReferenceEngine::Loss(const FastTask& state, const ChunkBatch& batch, int64_t task,
                                 const RowBatch& rows) const {
  const Model& model = context_.learner.model();
  EncodedEntities entities = model.Encode(state.values, batch, state.rows);
  entities.tasks = entities.tasks.narrow(0, task, 1);
  const LabelledRows labelled = SelectRows(entities, rows);
  RowScores scores{.rows = model.Score(state.values, model.MakeHeadRows(labelled.rows)),
                   .negatives = {}};
  if (labelled.negatives.defined()) {
    scores.negatives = model.Score(state.values, model.MakeHeadRows(labelled.negatives));
  }
  return TaskLosses(context_.learner.loss(), scores, labelled).sum();
}

ChunkResult ReferenceEngine::Compute(const Chunk& chunk, const MetaParameters& parameters,
                                     const FetchedRows& fetched) const {
  const ParameterLayout& layout = context_.learner.layout();
  const ChunkBatch batch = context_.builder.Build(chunk);
  const ParameterValues theta = MakeLeaves(layout, parameters.dense);
  std::vector<at::Tensor> rows = GatherTableRows(parameters, batch.table_rows, fetched);
  std::vector<at::Tensor> inputs = theta.tensors();
  for (at::Tensor& of_table : rows) inputs.push_back(of_table.requires_grad_(true));

  ChunkResult result;
  result.table_rows = batch.table_rows;
  std::vector<at::Tensor> sums(inputs.size());
  for (int64_t task = 0; task < chunk.task_count(); ++task) {
    const FastTask fast = AdaptTask({theta, rows}, batch, task);
    const at::Tensor loss = Loss(fast, batch, task, RowsOf(batch.query, task));
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

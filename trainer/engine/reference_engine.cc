#include "trainer/engine/reference_engine.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include "trainer/method/task_loss.h"

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
    : context_(context), options_(options), log_rates_(FindLogInnerRates(context.model.layout())) {}

at::Tensor ReferenceEngine::RateOf(const ParameterValues& theta, int64_t step,
                                   size_t position) const {
  if (log_rates_ < 0) return at::full({}, options_.inner_lr, theta[0].options());
  const at::Tensor& logs = theta[static_cast<size_t>(log_rates_)];
  const at::Tensor of_step = logs.dim() == 2 ? logs.select(0, step) : logs;
  return of_step.select(0, static_cast<int64_t>(position)).exp();
}

ParameterValues ReferenceEngine::AdaptTask(const ParameterValues& theta, const EncodedChunk& chunk,
                                           const RowBatch& support) const {
  const bool second_order = options_.method != MetaOptions::Method::kFomaml;
  const std::vector<int64_t>& adapted = context_.method.adapted();
  const RowInputs inputs = MakeRowInputs(context_.model, chunk.tasks, chunk.items, support);
  ParameterValues fast = theta;
  for (int64_t k = 0; !adapted.empty() && k < options_.inner_steps; ++k) {
    std::vector<at::Tensor> values;
    for (const int64_t p : adapted) values.push_back(fast[static_cast<size_t>(p)]);
    const at::Tensor loss = SupportLosses(options_, context_.model, fast, inputs, support).sum();
    const std::vector<at::Tensor> gradients =
        torch::autograd::grad({loss}, values, {}, true, second_order);
    for (size_t i = 0; i < values.size(); ++i) {
      const at::Tensor gradient = second_order ? gradients[i] : gradients[i].detach();
      fast[static_cast<size_t>(adapted[i])] = values[i] - RateOf(theta, k, i) * gradient;
    }
  }
  return fast;
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
    const EncodedChunk whole = Encode(context_.model, theta, batch, rows);
    const EncodedChunk single{whole.tasks.narrow(0, task, 1), whole.items};
    const ParameterValues fast = AdaptTask(theta, single, RowsOf(batch.support, task));
    const RowBatch query = RowsOf(batch.query, task);
    const RowInputs query_inputs = MakeRowInputs(context_.model, single.tasks, single.items, query);
    const at::Tensor loss =
        TaskLosses(context_.loss, context_.model, fast, query_inputs, query).sum();
    AddTo(sums, torch::autograd::grad({loss}, inputs, {}, true, false, /*allow_unused=*/true));
    result.query_loss.push_back(loss.item<double>());
    result.loss_sum += result.query_loss.back();
    ++result.finite_task_count;
  }
  result.dense_gradient = FlattenGradients(
      layout, {sums.begin(), sums.begin() + layout.parameter_count()}, parameters.dense.options());
  for (size_t t = 0; t < rows.size(); ++t) {
    const at::Tensor& sum = sums[theta.size() + t];
    result.row_gradients.push_back(sum.defined() ? sum.contiguous() : at::zeros_like(rows[t]));
  }
  return result;
}

}  // namespace hearth

#include "trainer/engine/generic_engine.h"

#include <cmath>
#include <limits>
#include <numeric>

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include "trainer/method/task_loss.h"

namespace hearth {
namespace {

bool IsFinite(const at::Tensor& tensor) { return at::isfinite(tensor).all().item<bool>(); }

bool IsFinite(const ChunkResult& result) {
  for (const double loss : result.query_loss) {
    if (!std::isfinite(loss)) return false;
  }
  for (const at::Tensor& gradient : result.row_gradients) {
    if (!IsFinite(gradient)) return false;
  }
  return IsFinite(result.dense_gradient);
}

}  // namespace

ChunkResult GenericEngine::ComputeAll(const Chunk& chunk, const MetaParameters& parameters,
                                      bool hide_item_ids) const {
  const ParameterLayout& layout = context_.model.layout();
  const ChunkBatch batch = context_.builder.Build(chunk, hide_item_ids);
  ParameterValues theta = MakeLeaves(layout, parameters.dense);
  std::vector<at::Tensor> rows = GatherTableRows(parameters, batch.table_rows);
  for (at::Tensor& of_table : rows) of_table.requires_grad_(true);
  const EncodedChunk encoded = Encode(context_.model, theta, batch, rows);
  const AdaptedTasks adapted =
      context_.method.Adapt(theta, encoded, batch.support, /*differentiable=*/true);
  const at::Tensor losses = TaskLosses(context_.loss, context_.model, adapted.values, encoded.tasks,
                                       encoded.items, batch.query);

  std::vector<at::Tensor> inputs = theta;
  inputs.insert(inputs.end(), rows.begin(), rows.end());
  std::vector<at::Tensor> gradients =
      torch::autograd::grad({losses.sum()}, inputs, {}, /*retain_graph=*/false,
                            /*create_graph=*/false, /*allow_unused=*/true);
  ChunkResult result;
  result.dense_gradient =
      FlattenGradients(layout, {gradients.begin(), gradients.begin() + layout.parameter_count()},
                       parameters.dense.options())
          .to(at::kCPU);
  for (size_t t = 0; t < rows.size(); ++t) {
    const at::Tensor& gradient = gradients[theta.size() + t];
    result.row_gradients.push_back(
        (gradient.defined() ? gradient : at::zeros_like(rows[t])).to(at::kCPU).contiguous());
  }
  result.table_rows = batch.table_rows;
  result.query_loss = ToDoubles(losses);
  return result;
}

std::vector<int64_t> GenericEngine::FindFiniteTasks(const Chunk& chunk, const ChunkResult& result,
                                                    const MetaParameters& parameters,
                                                    bool hide_item_ids) const {
  std::vector<int64_t> keep;
  for (int64_t task = 0; task < chunk.task_count(); ++task) {
    if (!std::isfinite(result.query_loss[static_cast<size_t>(task)])) continue;
    if (IsFinite(ComputeAll(SelectTasks(chunk, {task}), parameters, hide_item_ids)))
      keep.push_back(task);
  }
  return keep;
}

ChunkResult GenericEngine::Compute(const Chunk& chunk, const MetaParameters& parameters,
                                   bool hide_item_ids) const {
  ChunkResult result = ComputeAll(chunk, parameters, hide_item_ids);
  if (!IsFinite(result)) {
    const std::vector<int64_t> keep = FindFiniteTasks(chunk, result, parameters, hide_item_ids);
    std::vector<double> losses(result.query_loss.size(), std::numeric_limits<double>::quiet_NaN());
    if (keep.empty()) {
      result.dense_gradient.zero_();
      for (at::Tensor& gradient : result.row_gradients) gradient.zero_();
    } else {
      result = ComputeAll(SelectTasks(chunk, keep), parameters, hide_item_ids);
      for (size_t i = 0; i < keep.size(); ++i) {
        losses[static_cast<size_t>(keep[i])] = result.query_loss[i];
      }
    }
    result.query_loss = losses;
  }
  for (const double loss : result.query_loss) {
    if (!std::isfinite(loss)) continue;
    result.loss_sum += loss;
    ++result.finite_task_count;
  }
  return result;
}

}  // namespace hearth

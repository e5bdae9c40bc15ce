#include "trainer/gradient/generic_engine.h"

#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include "trainer/adapt/task_loss.h"

namespace hearth {

ChunkResult GenericEngine::ComputeAll(const Chunk& chunk, const MetaParameters& parameters,
                                      bool hide_item_ids) const {
  const ParameterLayout& layout = context_.model.layout();
  const ChunkBatch batch = context_.builder.Build(chunk, hide_item_ids);
  ParameterValues theta = MakeLeaves(layout, parameters.dense);
  std::vector<at::Tensor> rows = GatherTableRows(parameters, batch.table_rows);
  for (at::Tensor& of_table : rows) of_table.requires_grad_(true);
  const EncodedChunk encoded = Encode(context_.model, theta, batch, rows);
  const AdaptedTasks adapted =
      context_.method.Adapt(theta, encoded, batch, /*differentiable=*/true);
  const at::Tensor losses = TaskLosses(
      context_.loss, context_.model, adapted.values,
      MakeAdaptedInputs(context_.model, adapted, encoded, batch, batch.query), batch.query);

  std::vector<at::Tensor> inputs = theta.tensors();
  inputs.insert(inputs.end(), rows.begin(), rows.end());
  const std::vector<at::Tensor> gradients =
      torch::autograd::grad({losses.sum()}, inputs, {}, /*retain_graph=*/false,
                            /*create_graph=*/false, /*allow_unused=*/true);
  ChunkResult result;
  result.dense_gradient =
      FlattenGradients(layout, {gradients.begin(), gradients.begin() + layout.parameter_count()},
                       parameters.dense.options())
          .to(at::kCPU);
  result.row_gradients = ToRowGradients(gradients, rows);
  result.table_rows = batch.table_rows;
  result.query_loss = ToDoubles(losses);
  return result;
}

ChunkResult GenericEngine::Compute(const Chunk& chunk, const MetaParameters& parameters,
                                   bool hide_item_ids) const {
  return ComputeFiniteTasks(
      chunk, [&](const Chunk& tasks) { return ComputeAll(tasks, parameters, hide_item_ids); });
}

}  // namespace hearth

#include "trainer/gradient/generic_engine.h"

#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

namespace hearth {

ChunkResult GenericEngine::ComputeAll(const Chunk& chunk, const MetaParameters& parameters,
                                      const FetchedRows& fetched) const {
  const Learner& learner = context_.learner;
  const ParameterLayout& layout = learner.layout();
  const ChunkBatch batch = context_.builder.Build(chunk);
  const ParameterValues theta = MakeLeaves(layout, parameters.dense);
  std::vector<at::Tensor> rows = GatherTableRows(parameters, batch.table_rows, fetched);
  for (at::Tensor& table_rows : rows) table_rows.requires_grad_(true);
  const EncodedChunk encoded = learner.Encode(theta, batch, rows);
  const TaskState state = learner.adaptation().Adapt(theta, encoded, Graph::kDifferentiable);
  const at::Tensor losses = learner.QueryLosses(theta, state, encoded);

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
                                   const FetchedRows& fetched) const {
  return ComputeFiniteTasks(
      chunk, [&](const Chunk& tasks) { return ComputeAll(tasks, parameters, fetched); });
}

}  // namespace hearth

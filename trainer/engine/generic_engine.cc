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

std::vector<double> ToDoubles(const at::Tensor& tensor) {
  const at::Tensor cpu = tensor.detach().to(at::kCPU, at::kDouble).contiguous();
  const auto* data = cpu.const_data_ptr<double>();
  return {data, data + cpu.numel()};
}

}  // namespace

ChunkResult GenericEngine::ComputeAll(const Chunk& chunk, const MetaParameters& parameters,
                                      bool hide_item_ids) const {
  const ParameterLayout& layout = context_.model.layout();
  const ChunkBatch batch = context_.builder.Build(chunk, hide_item_ids);
  ParameterValues theta = MakeLeaves(layout, parameters.dense);
  std::vector<at::Tensor> rows;
  for (size_t t = 0; t < parameters.tables.size(); ++t) {
    rows.push_back(parameters.tables[t].Gather(batch.table_rows[t]).requires_grad_(true));
  }
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

ChunkResult ReferenceEngine::Compute(const Chunk& chunk, const MetaParameters& parameters,
                                     bool hide_item_ids) const {
  const ParameterLayout& layout = context_.model.layout();
  const bool second_order = options_.method != MetaOptions::Method::kFomaml;
  const ChunkBatch whole = context_.builder.Build(chunk, hide_item_ids);
  ParameterValues theta = MakeLeaves(layout, parameters.dense);
  std::vector<at::Tensor> rows;
  for (size_t t = 0; t < parameters.tables.size(); ++t) {
    rows.push_back(parameters.tables[t].Gather(whole.table_rows[t]).requires_grad_(true));
  }
  int64_t log_rates = -1;
  for (int64_t p = 0; p < layout.parameter_count(); ++p) {
    if (layout.spec(p).name == "inner_lr.log") log_rates = p;
  }
  ChunkResult result;
  result.table_rows = whole.table_rows;
  std::vector<at::Tensor> inputs = theta;
  inputs.insert(inputs.end(), rows.begin(), rows.end());
  std::vector<at::Tensor> sums(inputs.size());
  for (int64_t task = 0; task < chunk.task_count(); ++task) {
    const auto one = [task](const at::Tensor& tensor) { return tensor.narrow(0, task, 1); };
    const auto rows_of = [&](const RowBatch& batch) {
      const int64_t count = batch.mask.select(0, task).sum().item<int64_t>();
      const auto cut = [&](const at::Tensor& tensor) {
        return tensor.defined() ? one(tensor).narrow(1, 0, count) : tensor;
      };
      return RowBatch{cut(batch.entity), cut(batch.labels), cut(batch.mask),
                      one(batch.inverse_count), cut(batch.negatives)};
    };
    const EncodedChunk encoded = Encode(context_.model, theta, whole, rows);
    const EncodedChunk single{one(encoded.tasks), encoded.items};
    ParameterValues fast = theta;
    const int64_t steps = context_.method.adapted().empty() ? 0 : options_.inner_steps;
    for (int64_t k = 0; k < steps; ++k) {
      std::vector<at::Tensor> values;
      for (const int64_t p : context_.method.adapted()) {
        values.push_back(fast[static_cast<size_t>(p)]);
      }
      const at::Tensor loss = SupportLosses(options_, context_.model, fast, single.tasks,
                                            single.items, rows_of(whole.support))
                                  .sum();
      const std::vector<at::Tensor> gradients =
          torch::autograd::grad({loss}, values, {}, true, second_order);
      for (size_t i = 0; i < values.size(); ++i) {
        const auto p = static_cast<size_t>(context_.method.adapted()[i]);
        at::Tensor rate = at::zeros_like(values[i]).fill_(options_.inner_lr);
        if (log_rates >= 0) {
          const at::Tensor& logs = theta[static_cast<size_t>(log_rates)];
          const at::Tensor of_step = logs.dim() == 2 ? logs.select(0, k) : logs;
          rate = of_step.select(0, static_cast<int64_t>(i)).exp();
        }
        fast[p] = values[i] - rate * (second_order ? gradients[i] : gradients[i].detach());
      }
    }
    const at::Tensor loss = TaskLosses(context_.loss, context_.model, fast, single.tasks,
                                       single.items, rows_of(whole.query))
                                .sum();
    const std::vector<at::Tensor> gradients =
        torch::autograd::grad({loss}, inputs, {}, true, false, /*allow_unused=*/true);
    for (size_t i = 0; i < gradients.size(); ++i) {
      if (!gradients[i].defined()) continue;
      sums[i] = sums[i].defined() ? sums[i] + gradients[i] : gradients[i];
    }
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

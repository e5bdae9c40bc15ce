#include "bench/engine/explicit_forms.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

namespace hearth {
namespace {

using Tensors = std::vector<at::Tensor>;

Tensors MakeLeaves(const Tensors& values) {
  Tensors leaves;
  for (const at::Tensor& value : values) leaves.push_back(value.detach().requires_grad_(true));
  return leaves;
}

MetaGradient MakeZeroGradient(const PlainTasks& tasks) {
  MetaGradient gradient{
      {}, at::zeros_like(tasks.support.inputs), at::zeros_like(tasks.query.inputs)};
  for (const at::Tensor& value : tasks.theta) gradient.theta.push_back(at::zeros_like(value));
  return gradient;
}

// Adds the gradient of `loss`, a sum over the tasks that `support` and `query` are of.
// support_place, query_place: views of `sum` that take the gradients of these inputs.
void AddGradient(const at::Tensor& loss, const Tensors& theta, const at::Tensor& support,
                 const at::Tensor& query, const at::Tensor& support_place,
                 const at::Tensor& query_place, MetaGradient& sum) {
  Tensors inputs = theta;
  inputs.push_back(query);
  if (support.requires_grad()) inputs.push_back(support);
  const Tensors gradients = torch::autograd::grad({loss}, inputs);
  for (size_t p = 0; p < theta.size(); ++p) sum.theta[p].add_(gradients[p]);
  query_place.copy_(gradients[theta.size()]);
  if (support.requires_grad()) support_place.copy_(gradients.back());
}

at::Tensor TaskLoss(const Tensors& values, at::Tensor x, const at::Tensor& labels) {
  for (size_t p = 0; p < values.size(); p += 2) {
    x = at::addmm(values[p + 1], x, values[p]);
    if (p + 2 < values.size()) x = at::relu(x);
  }
  const at::Tensor difference = x.squeeze(1) - labels;
  return (difference * difference).mean();
}

// A pass over several tasks: what each layer got and gave before its activation.
struct BatchedPass {
  Tensors inputs;   // [layer] [tasks, rows, in]
  Tensors outputs;  // [layer] [tasks, rows, out]
  at::Tensor loss;  // sum over tasks
};

// values: shared by all tasks, [in, out] and [out], or per task, [tasks, in, out] and
// [tasks, 1, out].
BatchedPass RunBatched(const Tensors& values, at::Tensor x, const PlainRows& rows) {
  BatchedPass pass;
  for (size_t p = 0; p < values.size(); p += 2) {
    const at::Tensor &weight = values[p], &bias = values[p + 1];
    pass.inputs.push_back(x);
    x = weight.dim() == 3 ? at::baddbmm(bias, x, weight)
                          : at::addmm(bias, x.reshape({-1, x.size(2)}), weight)
                                .view({x.size(0), x.size(1), weight.size(1)});
    pass.outputs.push_back(x);
    if (p + 2 < values.size()) x = at::relu(x);
  }
  const at::Tensor difference = x.squeeze(2) - rows.labels;
  pass.loss = (difference * difference * rows.weights).sum();
  return pass;
}

// One inner step of every task. The gradients of a layer's outputs give those of its weights, so
// the new weights are formed by one batched product and no per-task gradient is ever held.
Tensors StepBatched(const Tensors& values, const at::Tensor& support, const PlainRows& rows,
                    bool second_order) {
  const BatchedPass pass = RunBatched(values, support, rows);
  const Tensors deltas =
      torch::autograd::grad({pass.loss}, pass.outputs, {}, second_order, second_order);
  Tensors next;
  for (size_t p = 0; p < values.size(); p += 2) {
    const at::Tensor& delta = deltas[p / 2];
    const at::Tensor x = second_order ? pass.inputs[p / 2] : pass.inputs[p / 2].detach();
    const at::Tensor weight = values[p].dim() == 3 ? values[p] : values[p].unsqueeze(0);
    next.push_back(at::baddbmm(weight, x.transpose(1, 2), delta, 1.0, -Workload::kInnerLr));
    next.push_back(values[p + 1] - delta.sum(1, /*keepdim=*/true) * Workload::kInnerLr);
  }
  return next;
}

PlainRows Narrow(const PlainRows& rows, int64_t begin, int64_t count) {
  return {rows.inputs.narrow(0, begin, count),
          rows.labels.narrow(0, begin, count),
          rows.weights.narrow(0, begin, count),
          {}};
}

}  // namespace

MetaGradient LoopGradient(const PlainTasks& tasks, const WorkloadOptions& options) {
  const bool second_order = options.order == 2;
  const Tensors theta = MakeLeaves(tasks.theta);
  MetaGradient sum = MakeZeroGradient(tasks);
  for (int64_t t = 0; t < tasks.support.inputs.size(0); ++t) {
    const int64_t count = tasks.support.counts[static_cast<size_t>(t)];
    const auto support_rows = [&](const at::Tensor& of) {
      return of.select(0, t).narrow(0, 0, count);
    };
    const at::Tensor support =
        support_rows(tasks.support.inputs).detach().requires_grad_(second_order);
    const at::Tensor query = tasks.query.inputs.select(0, t).detach().requires_grad_(true);
    Tensors fast = theta;
    for (int64_t k = 0; k < options.inner_steps; ++k) {
      const Tensors gradients =
          torch::autograd::grad({TaskLoss(fast, support, support_rows(tasks.support.labels))}, fast,
                                {}, second_order, second_order);
      for (size_t p = 0; p < fast.size(); ++p) {
        fast[p] = fast[p] - gradients[p] * Workload::kInnerLr;
      }
    }
    AddGradient(TaskLoss(fast, query, tasks.query.labels.select(0, t)), theta, support, query,
                support_rows(sum.support), sum.query.select(0, t), sum);
  }
  return sum;
}

MetaGradient BatchedGradient(const PlainTasks& tasks, const WorkloadOptions& options,
                             int64_t chunk_tasks) {
  const bool second_order = options.order == 2;
  const int64_t task_count = tasks.support.inputs.size(0);
  const Tensors theta = MakeLeaves(tasks.theta);
  MetaGradient sum = MakeZeroGradient(tasks);
  for (int64_t begin = 0; begin < task_count; begin += chunk_tasks) {
    const int64_t count = std::min(chunk_tasks, task_count - begin);
    const PlainRows support_rows = Narrow(tasks.support, begin, count);
    const PlainRows query_rows = Narrow(tasks.query, begin, count);
    const at::Tensor support = support_rows.inputs.detach().requires_grad_(second_order);
    const at::Tensor query = query_rows.inputs.detach().requires_grad_(true);
    Tensors fast = theta;
    for (int64_t k = 0; k < options.inner_steps; ++k) {
      fast = StepBatched(fast, support, support_rows, second_order);
    }
    AddGradient(RunBatched(fast, query, query_rows).loss, theta, support, query,
                sum.support.narrow(0, begin, count), sum.query.narrow(0, begin, count), sum);
  }
  return sum;
}

}  // namespace hearth

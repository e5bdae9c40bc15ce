#include "trainer/optimize/dense_optimizer.h"

#include <cmath>
#include <numbers>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include "trainer/optimize/adam.h"

namespace hearth {

double LearningRateFactor(const OptimizerOptions& options, int64_t step, int64_t max_steps) {
  const auto position = static_cast<double>(step);
  const auto warmup = static_cast<double>(options.warmup_steps);
  if (position < warmup) return (position + 1.0) / warmup;
  if (options.schedule == OptimizerOptions::Schedule::kConstant) return 1.0;
  const double length = std::max(1.0, static_cast<double>(max_steps) - warmup);
  const double done = std::min(1.0, (position - warmup) / length);
  if (options.schedule == OptimizerOptions::Schedule::kLinear) return 1.0 - done;
  return 0.5 * (1.0 + std::cos(std::numbers::pi * done));
}

DenseOptimizer::DenseOptimizer(const OptimizerOptions& optimizer, const ParameterLayout& layout,
                               at::TensorOptions options)
    : options_(optimizer),
      rate_(at::zeros({layout.size()}, options)),
      decay_(at::zeros({layout.size()}, options)),
      first_moment_(at::zeros({layout.size()}, options)),
      second_moment_(at::zeros({layout.size()}, options)) {
  for (const ParameterSpec& spec : layout.specs()) {
    const double rate = spec.own_rate ? optimizer.inner_lr_lr : optimizer.lr;
    rate_.narrow(0, spec.offset, spec.count).fill_(rate);
    if (spec.decays) decay_.narrow(0, spec.offset, spec.count).fill_(optimizer.weight_decay);
  }
}

int64_t DenseOptimizer::BytesFor(const ParameterLayout& layout, int64_t element_bytes) {
  return 4 * layout.size() * element_bytes;  // rate_, decay_ and two moments
}

void DenseOptimizer::Step(at::Tensor& parameters, const at::Tensor& gradient, double rate_factor) {
  ++step_count_;
  if (options_.type == OptimizerOptions::Type::kSgd) {
    parameters -= rate_ * rate_factor * (gradient + decay_ * parameters);
    return;
  }
  const AdamTensors tensors = {.parameters = parameters,
                               .first_moment = first_moment_,
                               .second_moment = second_moment_,
                               .gradient = gradient.contiguous(),
                               .rate = rate_,
                               .decay = decay_};
  const AdamStep step = {.rate_factor = rate_factor, .count = step_count_};
  if (parameters.is_cpu()) {
    StepAdamOnHost(tensors, step);
  } else {
    StepAdamByTensors(tensors, step);
  }
}

void DenseOptimizer::ListState(StateList& list) {
  const StateDomain domain = DenseDomain(first_moment_.size(0));
  list.push_back({"first", first_moment_, domain});
  list.push_back({"second", second_moment_, domain});
}

}  // namespace hearth

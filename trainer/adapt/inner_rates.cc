#include "trainer/adapt/inner_rates.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/exp.h>

namespace hearth {
namespace {

using LearnInnerLr = GradientDescentOptions::LearnInnerLr;

int64_t CountOf(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

}  // namespace

InnerRates::InnerRates(const GradientDescentOptions& options, std::vector<int64_t> adapted,
                       bool adapts_rows, const Model& model, ParameterLayout& layout)
    : adapted_(std::move(adapted)),
      constant_(options.inner_lr),
      per_element_(options.learn_inner_lr == LearnInnerLr::kPerElement) {
  int64_t next = 0;
  const auto add_unit = [&](const std::vector<int64_t>& shape) {
    begin_.push_back(next);
    shapes_.push_back(shape);
    next += CountOf(shape);
  };
  for (const int64_t p : adapted_) {
    const bool of_head = std::ranges::count(model.adaptable(), p) > 0;
    add_unit(per_element_ && of_head ? layout.spec(p).shape : std::vector<int64_t>{});
  }
  if (adapts_rows) {
    for (size_t t = 0; t < model.tables().size(); ++t) add_unit({});
  }
  if (options.learn_inner_lr == LearnInnerLr::kNo) return;
  std::vector<int64_t> shape = {next};
  if (options.learn_inner_lr == LearnInnerLr::kPerParameterAndStep) {
    shape.insert(shape.begin(), options.inner_steps);
  }
  log_rates_ = layout.Add({.name = "inner_lr.log",
                           .shape = shape,
                           .init = ParameterInit::kConstant,
                           .init_value = std::log(options.inner_lr),
                           .own_rate = true,
                           .decays = false});
}

int64_t InnerRates::UnitOfParameter(int64_t parameter) const {
  const auto place = std::ranges::find(adapted_, parameter);
  return place == adapted_.end() ? -1 : place - adapted_.begin();
}

at::Tensor InnerRates::Scale(const ParameterValues& values, int64_t step, int64_t unit,
                             const at::Tensor& gradient) const {
  if (log_rates_ < 0) return gradient * constant_;
  at::Tensor logs = values[log_rates_];
  if (per_element_) {
    const std::vector<int64_t>& shape = shapes_[unit];
    return gradient * logs.narrow(0, begin_[unit], CountOf(shape)).view(shape).exp();
  }
  if (logs.dim() == 2) logs = logs.select(0, step);
  return gradient * logs.select(0, unit).exp();
}

}  // namespace hearth

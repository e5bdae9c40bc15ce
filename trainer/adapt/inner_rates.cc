#include "trainer/adapt/inner_rates.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include <ATen/TensorOperators.h>
#include <ATen/ops/exp.h>

namespace hearth {
namespace {

using LearnInnerLr = MetaOptions::LearnInnerLr;

// The shapes of the rates of all units where elements have their own.
std::vector<std::vector<int64_t>> UnitShapes(const Recommender& model,
                                             const std::vector<int64_t>& adapted,
                                             bool adapts_rows) {
  std::vector<std::vector<int64_t>> shapes;
  for (const int64_t p : adapted) {
    const bool is_scored = std::ranges::count(model.adaptable(), p) > 0;
    shapes.push_back(is_scored ? model.layout().spec(p).shape : std::vector<int64_t>{});
  }
  if (adapts_rows) shapes.resize(adapted.size() + model.tables().size());
  return shapes;
}

int64_t CountOf(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

}  // namespace

int64_t FindLogInnerRates(const ParameterLayout& layout) {
  for (int64_t p = 0; p < layout.parameter_count(); ++p) {
    if (layout.spec(p).name == kLogInnerRates) return p;
  }
  return -1;
}

void InnerRates::Declare(const MetaOptions& options, const std::vector<int64_t>& adapted,
                         bool adapts_rows, Recommender& model) {
  if (options.learn_inner_lr == LearnInnerLr::kNo) return;
  const auto units = UnitShapes(model, adapted, adapts_rows);
  std::vector<int64_t> shape = {std::ssize(units)};
  if (options.learn_inner_lr == LearnInnerLr::kPerParameterAndStep) {
    shape.insert(shape.begin(), options.inner_steps);
  } else if (options.learn_inner_lr == LearnInnerLr::kPerElement) {
    shape[0] = 0;
    for (const std::vector<int64_t>& unit : units) shape[0] += CountOf(unit);
  }
  model.layout().Add({.name = kLogInnerRates,
                      .shape = shape,
                      .init = ParameterInit::kConstant,
                      .init_value = std::log(options.inner_lr),
                      .own_rate = true,
                      .decays = false});
}

InnerRates::InnerRates(const MetaOptions& options, const std::vector<int64_t>& adapted,
                       bool adapts_rows, const Recommender& model)
    : constant_(options.inner_lr),
      parameter_(FindLogInnerRates(model.layout())),
      per_element_(options.learn_inner_lr == LearnInnerLr::kPerElement) {
  if (!per_element_) return;
  shapes_ = UnitShapes(model, adapted, adapts_rows);
  int64_t next = 0;
  for (const std::vector<int64_t>& shape : shapes_) {
    begin_.push_back(next);
    next += CountOf(shape);
  }
}

at::Tensor InnerRates::Scale(const ParameterValues& values, int64_t step, size_t unit,
                             const at::Tensor& gradient) const {
  if (parameter_ < 0) return gradient * constant_;
  at::Tensor logs = values[static_cast<size_t>(parameter_)];
  if (per_element_) {
    const std::vector<int64_t>& shape = shapes_[unit];
    return gradient * logs.narrow(0, begin_[unit], CountOf(shape)).view(shape).exp();
  }
  if (logs.dim() == 2) logs = logs.select(0, step);
  return gradient * logs.select(0, static_cast<int64_t>(unit)).exp();
}

}  // namespace hearth

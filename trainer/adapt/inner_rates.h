#pragma once

#include <cstdint>
#include <vector>

#include "trainer/adapt/gradient_descent_options.h"
#include "trainer/model/model.h"

namespace hearth {

/// The inner learning rates of the adapted units. Units 0..n-1 are the adapted parameters in the
/// order given. The model's tables are the units after them, if table rows adapt. Rates are
/// constant or learned. Learned rates are stored as logarithms in the parameter "inner_lr.log", so
/// they stay positive:
///   per_parameter           [unit]
///   per_parameter_and_step  [step, unit]
///   per_element             a flat list: a rate for each element of the head's parameters, then a
///                           rate for each projection and each table (Meta-SGD, Li et al. 2017)
class InnerRates {
 public:
  /// Declares learned rates in the layout. adapted: parameter indexes, the head's parameters first.
  InnerRates(const GradientDescentOptions& options, std::vector<int64_t> adapted, bool adapts_rows,
             const Model& model, ParameterLayout& layout);

  const std::vector<int64_t>& adapted() const { return adapted_; }
  bool Adapts(int64_t parameter) const { return UnitOfParameter(parameter) >= 0; }
  /// The unit of a parameter; -1 when the parameter does not adapt.
  int64_t UnitOfParameter(int64_t parameter) const;
  int64_t UnitOfTable(int64_t table) const { return std::ssize(adapted_) + table; }

  /// True when each element of a parameter has a rate of its own.
  bool per_element() const { return per_element_; }
  double constant() const { return constant_; }
  /// Parameter index of the learned rates; -1 when rates are not learned.
  int64_t log_rates() const { return log_rates_; }

  /// Returns rate * gradient. values: all values of the layout. gradient: the gradient of the unit,
  /// with any leading dimensions. If the unit has a single rate, any tensor linear in the gradient
  /// may stand in its place.
  at::Tensor Scale(const ParameterValues& values, int64_t step, int64_t unit,
                   const at::Tensor& gradient) const;

 private:
  std::vector<int64_t> adapted_;
  double constant_;
  int64_t log_rates_ = -1;
  bool per_element_;
  // per_element: the first rate of each unit in the list, and the shape of the unit's rates.
  std::vector<int64_t> begin_;
  std::vector<std::vector<int64_t>> shapes_;
};

}  // namespace hearth

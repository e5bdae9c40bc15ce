#pragma once

#include <cstdint>
#include <vector>

#include "trainer/adapt/gradient_descent_options.h"
#include "trainer/model/model.h"

namespace hearth {

/// The inner learning rates of everything that adapts. Units 0..n-1 are the adapted parameters in
/// the order given, and the units after them the model's tables, where table rows adapt. Rates are
/// constants, or learned and stored as logarithms in the parameter "inner_lr.log", so that they
/// stay positive:
///   per_parameter           [unit]
///   per_parameter_and_step  [step, unit]
///   per_element             one after the other, for each element of a parameter of the head, for
///                           each projection and for each table (Meta-SGD, Li et al. 2017)
class InnerRates {
 public:
  /// Declares learned rates in the layout. adapted: parameter indexes, those of the head first.
  InnerRates(const GradientDescentOptions& options, std::vector<int64_t> adapted, bool adapts_rows,
             const Model& model, ParameterLayout& layout);

  const std::vector<int64_t>& adapted() const { return adapted_; }
  bool Adapts(int64_t parameter) const { return UnitOfParameter(parameter) >= 0; }
  /// -1 for a parameter that does not adapt.
  int64_t UnitOfParameter(int64_t parameter) const;
  int64_t UnitOfTable(int64_t table) const { return std::ssize(adapted_) + table; }

  /// Whether the elements of a parameter have rates of their own.
  bool per_element() const { return per_element_; }
  double constant() const { return constant_; }
  /// Parameter index of the learned rates; -1 where they are not learned.
  int64_t log_rates() const { return log_rates_; }

  /// rate * gradient. values: of the layout. gradient: of the unit, with any leading dimensions, or
  /// anything linear in it where the unit has a single rate.
  at::Tensor Scale(const ParameterValues& values, int64_t step, int64_t unit,
                   const at::Tensor& gradient) const;

 private:
  std::vector<int64_t> adapted_;
  double constant_;
  int64_t log_rates_ = -1;
  bool per_element_;
  // per_element: where the rates of each unit begin, and their shape.
  std::vector<int64_t> begin_;
  std::vector<std::vector<int64_t>> shapes_;
};

}  // namespace hearth

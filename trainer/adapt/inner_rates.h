#pragma once

#include <cstdint>
#include <vector>

#include "trainer/adapt/meta_options.h"
#include "trainer/model/recommender.h"

namespace hearth {

/// Name of the learned inner rates in a layout.
inline constexpr const char* kLogInnerRates = "inner_lr.log";

/// Index of the learned inner rates in a layout; -1 where they are not learned.
int64_t FindLogInnerRates(const ParameterLayout& layout);

/// The inner learning rates of everything that adapts: units 0..n-1 are the adapted parameters, in
/// the order of MetaMethod::adapted(), and the units after them the model's tables, where rows
/// adapt. Constants, or learned and stored as logarithms, so that they stay positive:
///   per_parameter           [unit]
///   per_parameter_and_step  [step, unit]
///   per_element             one after the other, for each element of a parameter that Score reads,
///                           for each projection and for each table (Meta-SGD, Li et al. 2017)
class InnerRates {
 public:
  /// Adds the learned rates to a model's layout; call once, before values are made.
  static void Declare(const MetaOptions& options, const std::vector<int64_t>& adapted,
                      bool adapts_rows, Recommender& model);

  InnerRates(const MetaOptions& options, const std::vector<int64_t>& adapted, bool adapts_rows,
             const Recommender& model);

  /// Whether the elements of a parameter have rates of their own.
  bool per_element() const { return per_element_; }

  /// rate * gradient. values: of the layout. gradient: of the unit, with any leading dimensions, or
  /// anything linear in it where the unit has a single rate.
  at::Tensor Scale(const ParameterValues& values, int64_t step, size_t unit,
                   const at::Tensor& gradient) const;

 private:
  double constant_;
  int64_t parameter_;  // FindLogInnerRates
  bool per_element_;
  // per_element: where the rates of each unit begin, and their shape.
  std::vector<int64_t> begin_;
  std::vector<std::vector<int64_t>> shapes_;
};

}  // namespace hearth

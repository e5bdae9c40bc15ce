#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/engine/workload.h"

namespace hearth {

/// Largest difference from float64 over the largest element, tensor by tensor, and of that the
/// largest over the dense parameters and over the inputs (hearth's engines: the table rows that
/// the inputs are gathered from).
struct GradientErrors {
  double dense = 0.0, inputs = 0.0;
};

/// The gradient of `workload` by the per-task loop in float64.
MetaGradient ExactGradient(const Workload& workload);

/// One way to compute the meta-gradient of a workload.
class EngineContestant {
 public:
  virtual ~EngineContestant() = default;
  /// One outer step's gradient, thrown away.
  virtual void Step() = 0;
  virtual GradientErrors CompareWith(const MetaGradient& exact) = 0;
};

/// A line of the table of contestants.
struct ContestantSpec {
  std::string name;
  std::string description;
  /// A contestant that works on Lengths::kLognormalPadded where the others have kLognormal; left
  /// out when all tasks are equally long.
  bool padded = false;
  /// The workload must outlive the contestant.
  std::function<std::unique_ptr<EngineContestant>(const Workload&)> make;
};

/// Everybody in this program, in the order of a round.
const std::vector<ContestantSpec>& AllContestants();

}  // namespace hearth

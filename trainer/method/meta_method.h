#pragma once

#include <memory>
#include <vector>

#include "trainer/method/meta_options.h"
#include "trainer/model/recommender.h"

namespace hearth {

/// Feature vectors of a chunk: what adaptation and prediction work on.
struct EncodedChunk {
  at::Tensor tasks;  ///< [tasks, a]
  at::Tensor items;  ///< [unique items, b]
};

EncodedChunk Encode(const Recommender& model, const ParameterValues& values,
                    const ChunkBatch& batch, const std::vector<at::Tensor>& rows);

/// The result of adaptation: parameters as each task sees them.
struct AdaptedTasks {
  ParameterValues values;
};

/// A meta-learning algorithm: *what* adaptation is. It never computes meta-gradients (engines do)
/// and holds no parameter values. Training, evaluation, recommendation and export all go through
/// Adapt and Predict, so what is served is what was trained.
/// Immutable, thread safe.
class MetaMethod {
 public:
  virtual ~MetaMethod() = default;

  /// Adapts the meta-parameters to every task of a chunk on its support rows.
  /// theta: values of the model's layout, shared by all tasks, unchanged.
  /// differentiable: the result carries the autograd graph back to theta and to the feature vectors
  /// (second order unless the method is first order); otherwise it is detached.
  virtual AdaptedTasks Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                             const RowBatch& support, bool differentiable) const = 0;

  /// Parameters that Adapt changes, as indexes into the layout; empty for no adaptation.
  virtual const std::vector<int64_t>& adapted() const = 0;
};

/// Name of the learned inner rates in a layout.
inline constexpr const char* kLogInnerRates = "inner_lr.log";

/// Index of the learned inner rates in a layout, [adapted parameters] or [step, adapted parameters]
/// logarithms in the order of MetaMethod::adapted(); -1 where they are not learned.
int64_t FindLogInnerRates(const ParameterLayout& layout);

/// The method `options` names: joint (no adaptation), maml, fomaml or anil. May add parameters
/// (learned inner rates) to the model's layout, so call it before values are made.
std::unique_ptr<MetaMethod> MakeMethod(const MetaOptions& options, Recommender& model);

}  // namespace hearth

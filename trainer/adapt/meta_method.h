#pragma once

#include <memory>
#include <vector>

#include "trainer/adapt/fast_rows.h"
#include "trainer/adapt/meta_options.h"
#include "trainer/adapt/task_loss.h"
#include "trainer/model/recommender.h"

namespace hearth {

/// Feature vectors of a chunk: what adaptation and prediction work on.
struct EncodedChunk {
  at::Tensor tasks;  ///< [tasks, a]
  at::Tensor items;  ///< [unique items, b]
};

EncodedChunk Encode(const Recommender& model, const ParameterValues& values,
                    const ChunkBatch& batch, const std::vector<at::Tensor>& rows);

/// The result of adaptation: parameters as each task sees them, and entities.
struct AdaptedTasks {
  ParameterValues values;
  FastRows rows = {};
};

/// What Score reads of the support or query rows of adapted tasks.
RowInputs MakeAdaptedInputs(const Recommender& model, const AdaptedTasks& adapted,
                            const EncodedChunk& encoded, const ChunkBatch& batch,
                            const RowBatch& rows);

/// A meta-learning algorithm: *what* adaptation is. It never computes meta-gradients (engines do)
/// and holds no parameter values. Training, evaluation, recommendation and export all go through
/// Adapt and Predict, so what is served is what was trained.
/// Immutable, thread safe.
class MetaMethod {
 public:
  virtual ~MetaMethod() = default;

  /// Adapts the meta-parameters to every task of a chunk on its support rows.
  /// encoded: Encode of the batch.
  /// theta: values of the model's layout, shared by all tasks, unchanged.
  /// differentiable: the result carries the autograd graph back to theta and to the feature vectors
  /// (second order unless the method is first order); otherwise it is detached.
  virtual AdaptedTasks Adapt(const ParameterValues& theta, const EncodedChunk& encoded,
                             const ChunkBatch& batch, bool differentiable) const = 0;

  /// Parameters that Adapt changes, as indexes into the layout; empty for no adaptation.
  virtual const std::vector<int64_t>& adapted() const = 0;
  /// Whether embedding rows adapt too: AdaptedTasks::rows is filled then.
  virtual bool adapts_rows() const { return false; }
};

/// The method `options` names: joint (no adaptation), maml, fomaml or anil. May add parameters
/// (learned inner rates) to the model's layout, so call it before values are made.
std::unique_ptr<MetaMethod> MakeMethod(const MetaOptions& options, Recommender& model);

}  // namespace hearth

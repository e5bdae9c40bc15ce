#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/adapt/meta_options.h"
#include "trainer/model/model.h"

namespace hearth {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

/// The result of adaptation for the tasks of a chunk: named tensors [tasks, ...]. No code but
/// the method that made a state reads it; engines, files and messages pass it on. A state does not
/// refer to the chunk that it was made from. A state without tensors is the base model, before any
/// support row.
struct TaskState {
  std::vector<NamedTensor> tensors;

  /// Finds a tensor by its name; null when the state has no such tensor.
  const at::Tensor* Find(const std::string& name) const;
  /// Appends a tensor; names are unique.
  void Add(std::string name, at::Tensor tensor);
};

/// kDifferentiable: a result carries the autograd graph back to the meta-parameters and the feature
/// vectors. kNone: a result carries no graph.
enum class Graph { kNone, kDifferentiable };

/// A method that the hand-made kernels can run (trainer/gradient/head_task.h). The program takes
/// `inner_steps` steps of gradient descent on the support loss and adapts the last `adapted_layers`
/// layers of a DenseHead.
struct HeadProgram {
  int64_t adapted_layers = 0;  ///< 0: no layer adapts, and no step is taken
  int64_t inner_steps = 0;
  bool second_order = true;
  double support_prior = 0.0;  ///< GradientDescentOptions::support_prior
  double inner_rate = 0.0;     ///< rate of every weight and bias, if rates are not learned
  /// Parameter index of learned rates; -1: rates are not learned. The parameter has logarithms
  /// [adapted weight or bias] or [step, adapted weight or bias].
  int64_t log_rates = -1;
};

/// A method's answer to an engine with kernels of its own.
struct HeadOffer {
  HeadProgram program;
  std::string refusal;  ///< tells people why no kernel runs the method; empty: `program` is valid
};

/// A family of meta-learning methods: defines adaptation. It holds no parameter values and computes
/// no meta-gradients (engines do). Training, evaluation, recommendation and saved users all go
/// through Adapt and Score, so the model that is served is the model that was trained.
/// Objects are immutable and thread safe.
class Adaptation {
 public:
  virtual ~Adaptation() = default;

  /// Adapts the meta-parameters to every task of a chunk on its support rows.
  /// theta: values of the layout, shared by all tasks; they stay unchanged.
  virtual TaskState Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                          Graph graph) const = 0;

  /// Returns raw scores [tasks, rows] of rows for adapted tasks. `batch`: the entities that `rows`
  /// names.
  virtual at::Tensor Score(const ParameterValues& theta, const TaskState& state,
                           const ChunkBatch& batch, const EncodedRows& rows) const = 0;

  /// Offers the method as a program of the kernels. An offer promises that the kernels compute the
  /// same as Adapt and Score; the tests compare both for every method and model.
  virtual HeadOffer OffersHeadProgram() const {
    return {.program = {}, .refusal = "the method has no program for the kernels"};
  }
  /// True when d Score(Adapt) / d theta is the true derivative. First-order methods drop terms.
  virtual bool is_exact_gradient() const { return true; }
};

/// Makes the method that `options` names. The method declares its own parameters (learned rates,
/// strengths) in the layout. `model` and `layout` must outlive the method.
/// Throws ConfigError, naming both keys, when the model or the loss does not fit the method.
std::unique_ptr<Adaptation> MakeAdaptation(const LearnerOptions& options, const InputSchema& schema,
                                           const Model& model, ParameterLayout& layout);
using AdaptationMaker = std::function<decltype(MakeAdaptation)>;

}  // namespace hearth

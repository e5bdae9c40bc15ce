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

/// What adaptation made of each task of a chunk: named tensors [tasks, ...]. Only the method that
/// made a state reads it; engines, files and messages pass it on. A state does not refer to the
/// chunk that it was made from. A state without tensors is the base model, before any support row.
struct TaskState {
  std::vector<NamedTensor> tensors;

  /// Null when there is no such tensor.
  const at::Tensor* Find(const std::string& name) const;
  /// Appends a tensor; names are unique.
  void Add(std::string name, at::Tensor tensor);
};

/// Whether a result carries the autograd graph back to the meta-parameters and the feature vectors.
enum class Graph { kNone, kDifferentiable };

/// A method in the terms of the hand-made kernels: `inner_steps` steps of gradient descent on the
/// support loss of the last `adapted_layers` layers of a DenseHead (trainer/gradient/head_task.h).
struct HeadProgram {
  int64_t adapted_layers = 0;  ///< 0: no layer adapts, and no step is taken
  int64_t inner_steps = 0;
  bool second_order = true;
  double support_prior = 0.0;  ///< GradientDescentOptions::support_prior
  double inner_rate = 0.0;     ///< of every weight and bias, where rates are not learned
  /// Parameter index of learned rates, stored as logarithms [adapted weight or bias] or
  /// [step, adapted weight or bias]; -1: rates are not learned.
  int64_t log_rates = -1;
};

/// A method's answer to an engine with kernels of its own.
struct HeadOffer {
  HeadProgram program;
  std::string refusal;  ///< why no kernel computes the method, for people; empty: `program` does
};

/// A family of meta-learning methods: says what adaptation is. It holds no parameter values and
/// computes no meta-gradients (engines do). Training, evaluation, recommendation and saved users
/// all go through Adapt and Score, so the model that is served is the model that was trained.
/// Immutable, thread safe.
class Adaptation {
 public:
  virtual ~Adaptation() = default;

  /// Adapts the meta-parameters to every task of a chunk on its support rows.
  /// theta: values of the layout, shared by all tasks, unchanged.
  virtual TaskState Adapt(const ParameterValues& theta, const EncodedChunk& chunk,
                          Graph graph) const = 0;

  /// Raw scores [tasks, rows] of rows for adapted tasks. `batch`: the entities that `rows` names.
  virtual at::Tensor Score(const ParameterValues& theta, const TaskState& state,
                           const ChunkBatch& batch, const EncodedRows& rows) const = 0;

  /// The method as a program of the kernels. An offer is a promise that the kernels compute the
  /// same as Adapt and Score: the tests compare both for every method and model.
  virtual HeadOffer OffersHeadProgram() const {
    return {.program = {}, .refusal = "the method has no program for the kernels"};
  }
  /// Whether d Score(Adapt) / d theta is the true derivative. First-order methods drop terms.
  virtual bool is_exact_gradient() const { return true; }
};

/// The method that `options` names. Declares its own parameters (learned rates, strengths) in the
/// layout. `model` and `layout` must outlive it.
/// Throws ConfigError, naming both keys, when the model or the loss lacks what the method needs.
std::unique_ptr<Adaptation> MakeAdaptation(const LearnerOptions& options, const InputSchema& schema,
                                           const Model& model, ParameterLayout& layout);
using AdaptationMaker = std::function<decltype(MakeAdaptation)>;

}  // namespace hearth

#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace hearth {

/// The inputs of a linear layer in one forward pass. Inner steps repeat some inputs: the caller
/// gives those an id, and a layer keeps for it what does not change from step to step.
struct LayerInputs {
  static constexpr int64_t kVarying = -1;

  at::Tensor x;           ///< [tasks, rows, in]
  int64_t id = kVarying;  ///< >= 0: the same tensor in every inner step
};

/// A part of the update of a linear weight W [in, out] that is never formed: task t has
///   W_t = W - sum over the terms and their rows r of inputs[t, r]' deltas[t, r].
/// The inputs are those of the layer in earlier inner steps, the deltas the scaled gradients by the
/// layer's outputs. A forward pass takes x W_t = x W - (x inputs') deltas: cheaper than a weight
/// per task while there are few rows, and without memory of size [tasks, in, out]. Inner steps
/// append terms; a layer that reads the same inputs in every step keeps one (the Gram form).
struct FactoredTerm {
  at::Tensor inputs;  ///< [tasks, rows, in]
  at::Tensor deltas;  ///< [tasks, rows, out]
  /// LayerInputs::id of the inputs; kVarying: the term of a single step.
  int64_t id = LayerInputs::kVarying;
  at::Tensor product = {};           ///< Gram form: [tasks, rows, out] inputs times W
  mutable at::Tensor own_gram = {};  ///< Gram form: [tasks, rows, rows] inputs times inputs'

  /// x inputs' of the inputs of a forward pass.
  at::Tensor Gram(const LayerInputs& of) const;
  bool is_gram_form() const { return id != LayerInputs::kVarying; }
};

/// The terms of single steps as one; undefined tensors where there are none.
FactoredTerm JoinSteps(const std::vector<FactoredTerm>& terms);

/// A forward pass through a linear layer, as recorded for an inner step.
struct LayerTap {
  int64_t weight = -1, bias = -1;  ///< parameter indexes
  LayerInputs inputs;
  at::Tensor outputs;  ///< [tasks, rows, out]; requires a gradient
  at::Tensor product;  ///< inputs times the shared weight, where it was formed
};

/// Values of all parameters of a layout, by index. A value has the parameter's shape when all tasks
/// share it, or [tasks, shape...] when every task has its own (fast weights). Fast weights of
/// linear layers may also be factored: the shared value with FactoredTerms.
class ParameterValues {
 public:
  ParameterValues() = default;
  explicit ParameterValues(std::vector<at::Tensor> tensors) : tensors_(std::move(tensors)) {}

  at::Tensor& operator[](int64_t parameter) { return tensors_[parameter]; }
  const at::Tensor& operator[](int64_t parameter) const { return tensors_[parameter]; }
  const std::vector<at::Tensor>& tensors() const { return tensors_; }
  int64_t size() const { return std::ssize(tensors_); }

  /// From now on, updates of this shared linear weight are kept as factors.
  void StartFactored(int64_t weight) { factored_[weight]; }
  /// nullptr when the weight is not factored.
  const std::vector<FactoredTerm>* factored(int64_t weight) const;
  /// Rows per task of all its terms.
  int64_t FactoredRows(int64_t weight) const;
  void AddTerm(int64_t weight, FactoredTerm term);
  /// Subtracts inputs' deltas from the weight of every task, as a factor or explicitly. The inputs
  /// are those of `tap`, without their graph if `detach`.
  void Subtract(const LayerTap& tap, const at::Tensor& deltas, bool detach);
  /// Turns a factored weight into explicit ones, [tasks, in, out].
  void MakeExplicit(int64_t weight);

  /// Every tensor held here (some may be undefined): the values depend on these alone.
  std::vector<at::Tensor*> Tensors();

 private:
  std::vector<at::Tensor> tensors_;
  std::map<int64_t, std::vector<FactoredTerm>> factored_;
};

/// [shape...] -> [tasks, shape...] without a copy.
at::Tensor ShareAcrossTasks(const at::Tensor& value, int64_t task_count);

}  // namespace hearth

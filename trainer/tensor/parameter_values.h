#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace hearth {

/// The inputs of a linear layer in one forward pass. Inner steps repeat some inputs. The caller
/// gives each repeated input an id; the layer keeps the products of this input that do not change
/// from step to step.
struct LayerInputs {
  static constexpr int64_t kVarying = -1;

  at::Tensor x;           ///< [tasks, rows, in]
  int64_t id = kVarying;  ///< >= 0: the same tensor in every inner step
};

/// One term of the update of a linear weight W [in, out]. The updated weight is never formed. Task
/// t has
///   W_t = W - sum over the terms and their rows r of inputs[t, r]' deltas[t, r].
/// `inputs` are the layer's inputs in an earlier inner step; `deltas` are the scaled gradients by
/// the layer's outputs. A forward pass computes x W_t = x W - (x inputs') deltas. This is cheaper
/// than a weight per task while there are few rows, and it needs no memory of size
/// [tasks, in, out]. Each inner step appends a term; a layer that reads the same inputs in every
/// step keeps a single term (the Gram form).
struct FactoredTerm {
  at::Tensor inputs;  ///< [tasks, rows, in]
  at::Tensor deltas;  ///< [tasks, rows, out]
  /// LayerInputs::id of the inputs; kVarying: the term of a single step.
  int64_t id = LayerInputs::kVarying;
  at::Tensor product = {};           ///< Gram form: [tasks, rows, out] inputs times W
  mutable at::Tensor own_gram = {};  ///< Gram form: [tasks, rows, rows] inputs times inputs'

  /// The product x inputs', for the inputs x of a forward pass: [tasks, rows of x, rows].
  at::Tensor Gram(const LayerInputs& pass) const;
  bool is_gram_form() const { return id != LayerInputs::kVarying; }
};

/// Joins the terms of single steps to one term; its tensors are undefined when there are none.
FactoredTerm JoinSteps(const std::vector<FactoredTerm>& terms);

/// The record of a forward pass through a linear layer, made for an inner step.
struct LayerTap {
  int64_t weight = -1, bias = -1;  ///< parameter indexes
  LayerInputs inputs;
  at::Tensor outputs;  ///< [tasks, rows, out]; requires a gradient
  at::Tensor product;  ///< inputs times the shared weight; undefined when it was not formed
};

/// Values of all parameters of a layout, by index. A value has the parameter's shape when all tasks
/// share it, or [tasks, shape...] when every task has its own (fast weights). Fast weights of
/// linear layers may also be factored: the shared value and a list of FactoredTerms.
class ParameterValues {
 public:
  ParameterValues() = default;
  explicit ParameterValues(std::vector<at::Tensor> tensors) : tensors_(std::move(tensors)) {}

  at::Tensor& operator[](int64_t parameter) { return tensors_[parameter]; }
  const at::Tensor& operator[](int64_t parameter) const { return tensors_[parameter]; }
  const std::vector<at::Tensor>& tensors() const { return tensors_; }
  int64_t size() const { return std::ssize(tensors_); }

  /// Updates of this shared linear weight are kept as factors from now on.
  void StartFactored(int64_t weight) { factored_[weight]; }
  /// nullptr when the weight is not factored.
  const std::vector<FactoredTerm>* factored(int64_t weight) const;
  /// The number of rows per task, summed over the terms of a factored weight.
  int64_t FactoredRows(int64_t weight) const;
  void AddTerm(int64_t weight, FactoredTerm term);
  /// Subtracts inputs' deltas from the weight of every task, as a factor or explicitly. `tap` gives
  /// the inputs; `detach` drops their graph.
  void Subtract(const LayerTap& tap, const at::Tensor& deltas, bool detach);
  /// Turns a factored weight into explicit weights, [tasks, in, out].
  void MakeExplicit(int64_t weight);

  /// Every tensor held here (some may be undefined): the values depend on these alone.
  std::vector<at::Tensor*> Tensors();

 private:
  std::vector<at::Tensor> tensors_;
  std::map<int64_t, std::vector<FactoredTerm>> factored_;
};

/// Adds a leading dimension of tasks without a copy: [shape...] -> [tasks, shape...].
at::Tensor ShareAcrossTasks(const at::Tensor& value, int64_t task_count);

}  // namespace hearth

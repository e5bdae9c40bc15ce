#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <ATen/core/Tensor.h>

namespace hearth {

/// Part of the update of a linear weight W [in, out] that is never formed: task t has
///   W_t = W - sum over the terms, over their rows r, of inputs[t, r]' deltas[t, r],
/// the inputs of the layer in earlier inner steps and the (scaled) gradients by its outputs. In a
/// forward pass x W_t = x W - (x inputs') deltas, which is cheaper than a weight per task as long
/// as there are few rows, and needs no memory of size [tasks, in, out]. Inner steps append terms,
/// save that a layer which sees the same inputs in every step keeps one (the Gram form).
struct FactoredTerm {
  at::Tensor inputs;  ///< [tasks, rows, in]
  at::Tensor deltas;  ///< [tasks, rows, out]
  /// In the Gram form: these inputs as they enter the layer, their product with W and, once it was
  /// needed, with themselves; else undefined.
  at::Tensor fixed = {};
  at::Tensor product = {};           ///< [tasks, rows, out]
  mutable at::Tensor own_gram = {};  ///< [tasks, rows, rows]

  /// x inputs' of the inputs of a forward pass.
  at::Tensor Gram(const at::Tensor& x) const;
};

/// The terms that are not in the Gram form as one; undefined tensors where there are none.
FactoredTerm JoinSteps(const std::vector<FactoredTerm>& terms);

/// What a forward pass leaves behind at a linear layer.
struct LayerTap {
  int64_t weight = -1, bias = -1;  ///< parameter indexes
  at::Tensor inputs;               ///< [tasks, rows, in]
  at::Tensor outputs;              ///< [tasks, rows, out]; requires a gradient
  at::Tensor product;              ///< inputs times the shared weight, where it was formed
};

/// Values of all parameters of a layout, by index. A value has the parameter's shape when all tasks
/// share it, or [tasks, shape...] when every task has its own (fast weights). Fast weights of
/// linear layers may also be factored: the shared value with FactoredTerms.
class ParameterValues {
 public:
  ParameterValues() = default;
  explicit ParameterValues(std::vector<at::Tensor> tensors) : tensors_(std::move(tensors)) {}

  at::Tensor& operator[](size_t parameter) { return tensors_[parameter]; }
  const at::Tensor& operator[](size_t parameter) const { return tensors_[parameter]; }
  const std::vector<at::Tensor>& tensors() const { return tensors_; }
  size_t size() const { return tensors_.size(); }

  /// From now on, updates of this shared linear weight are kept as factors.
  void StartFactored(int64_t weight) { factored_[weight]; }
  /// nullptr when the weight is not factored.
  const std::vector<FactoredTerm>* factored(int64_t weight) const;
  /// Rows per task of all its terms.
  int64_t FactoredRows(int64_t weight) const;
  /// Subtracts inputs' deltas from the weight of every task, as a factor or explicitly. The inputs
  /// are those of `tap`, without their graph if `detach`.
  void Subtract(const LayerTap& tap, const at::Tensor& deltas, bool detach);
  /// Turns a factored weight into explicit ones, [tasks, in, out].
  void MakeExplicit(int64_t weight);

  /// Says that layers which read this very tensor read it in every step.
  void AddFixedInputs(const at::Tensor& inputs) { fixed_inputs_.push_back(inputs); }
  bool IsFixed(const at::Tensor& inputs) const;

  /// Every tensor held here (some may be undefined): what the values depend on, and nothing else.
  std::vector<at::Tensor*> Tensors();

  /// Where forward passes leave their taps; nullptr: they leave none. Not owned.
  void set_taps(std::vector<LayerTap>* taps) { taps_ = taps; }
  std::vector<LayerTap>* taps() const { return taps_; }

 private:
  std::vector<at::Tensor> tensors_;
  std::map<int64_t, std::vector<FactoredTerm>> factored_;
  std::vector<at::Tensor> fixed_inputs_;
  std::vector<LayerTap>* taps_ = nullptr;
};

/// [shape...] -> [tasks, shape...] without a copy.
at::Tensor ShareAcrossTasks(const at::Tensor& value, int64_t task_count);

}  // namespace hearth

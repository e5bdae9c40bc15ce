#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <ATen/core/Tensor.h>

namespace hearth {

/// Per-task updates of a linear weight W [in, out] that are never formed: task t has
///   W_t = W - sum over its rows r of inputs[t, r]' deltas[t, r],
/// the inputs of the layer in earlier inner steps and the (scaled) gradients by its outputs. In a
/// forward pass x W_t = x W - (x inputs') deltas, which is cheaper than a weight per task as long
/// as there are few rows, and needs no memory of size [tasks, in, out]. Undefined before the first.
struct FactoredUpdate {
  at::Tensor inputs;  ///< [tasks, rows, in]
  at::Tensor deltas;  ///< [tasks, rows, out]
};

/// What a forward pass leaves behind at a layer with a factored weight: its inputs, and a zero
/// added to its outputs, whose gradient is the gradient by the outputs.
struct LayerTap {
  int64_t weight = -1;  ///< parameter index
  at::Tensor inputs;    ///< [tasks, rows, in]
  at::Tensor tap;       ///< [tasks, rows, out]
};

/// Values of all parameters of a layout, by index. A value has the parameter's shape when all tasks
/// share it, or [tasks, shape...] when every task has its own (fast weights). Fast weights of
/// linear layers may also be factored: the shared value with a FactoredUpdate.
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
  const FactoredUpdate* factored(int64_t weight) const;
  /// Subtracts inputs' deltas from a factored weight of every task.
  void Subtract(int64_t weight, const at::Tensor& inputs, const at::Tensor& deltas);
  /// Turns a factored weight into explicit ones, [tasks, in, out].
  void MakeExplicit(int64_t weight, int64_t task_count);

  /// Where forward passes leave their taps; nullptr: they leave none. Not owned.
  void set_taps(std::vector<LayerTap>* taps) { taps_ = taps; }
  std::vector<LayerTap>* taps() const { return taps_; }

 private:
  std::vector<at::Tensor> tensors_;
  std::map<int64_t, FactoredUpdate> factored_;
  std::vector<LayerTap>* taps_ = nullptr;
};

/// [shape...] -> [tasks, shape...] without a copy.
at::Tensor ShareAcrossTasks(const at::Tensor& value, int64_t task_count);

}  // namespace hearth

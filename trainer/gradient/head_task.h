#pragma once

#include <cstdint>

#include "trainer/tensor/host_device.h"

namespace hearth {

/// The adapted layers of a dense head, h_{l+1} = act(h_l W_l + b_l). The last layer has width 1 and
/// no activation. `inner_steps` steps of gradient descent adapt the layers.
struct HeadShape {
  static constexpr int kMaxLayers = 4;
  enum class Activation { kRelu, kGelu, kTanh, kIdentity };
  enum class Loss { kMse, kBce };

  int layer_count = 1;                 ///< 1..kMaxLayers
  int64_t width[kMaxLayers + 1] = {};  ///< width of the input, then of each output; the last is 1
  Activation activation = Activation::kRelu;
  Loss loss = Loss::kMse;
  int inner_steps = 1;         ///< >= 0
  bool second_order = true;    ///< false: gradients of the inner loop are constants
  bool rate_gradient = false;  ///< true: the inner rates are learned

  /// Rows of kernels are padded with zeros to a multiple of this many elements.
  static constexpr int64_t kPad = 16;
  HEARTH_HOST_DEVICE static int64_t Padded(int64_t width) {
    return (width + kPad - 1) / kPad * kPad;
  }
  /// Padded width of the output of layer l.
  HEARTH_HOST_DEVICE int64_t out(int l) const { return Padded(width[l + 1]); }
  HEARTH_HOST_DEVICE bool is_smooth() const {
    return activation == Activation::kGelu || activation == Activation::kTanh;
  }

  /// The tail: every parameter except W_0, which is never formed per task (head_gradient.h). Layers
  /// come in order; a layer holds its weight [in, Padded(out)], then its bias [Padded(out)]. If
  /// there are several layers, the weight of the last one is a vector [Padded(in)].
  HEARTH_HOST_DEVICE int64_t weight_offset(int l) const {
    int64_t offset = out(0);
    for (int i = 1; i < l; ++i) offset += weight_size(i) + out(i);
    return offset;
  }
  HEARTH_HOST_DEVICE int64_t weight_size(int l) const {
    if (is_output(l)) return Padded(width[l]);
    return width[l] * out(l);
  }
  HEARTH_HOST_DEVICE int64_t bias_offset(int l) const {
    if (l == 0) return 0;
    return weight_offset(l) + weight_size(l);
  }
  HEARTH_HOST_DEVICE int64_t tail_size() const {
    return bias_offset(layer_count - 1) + out(layer_count - 1);
  }
  /// True if layer l is the last of several layers; its weight is a vector then.
  HEARTH_HOST_DEVICE bool is_output(int l) const { return l > 0 && l == layer_count - 1; }
  /// Number of inner rates of a step: [step, 2 l] belongs to W_l, [step, 2 l + 1] to b_l.
  HEARTH_HOST_DEVICE int rate_count() const { return 2 * layer_count; }
};

/// The parameters that all tasks share.
template <typename Real>
struct HeadParameters {
  const Real* tail;    ///< [tail_size]
  const Real* rates;   ///< [inner_steps, rate_count]
  Real output_offset;  ///< added to the output
};

/// One task: n = support + query rows, support rows first. X holds the inputs of layer 0; they do
/// not change in the inner loop.
template <typename Real>
struct HeadTask {
  int64_t support = 0, query = 0;
  const Real* start = nullptr;   ///< [n, out(0)] X W_0
  const Real* gram = nullptr;    ///< [n, support] X X_support'
  const Real* labels = nullptr;  ///< [n]
  Real support_weight = 0;  ///< weight of a support row in the support loss; 1 / support: the mean
  Real query_weight = 0;    ///< weight of a query row in the query loss

  // Results, overwritten.
  Real* adjoint = nullptr;  ///< E [n, out(0)]: the gradient of W_0 is X' E
  /// C [n, n]: the gradient of X is E W_0' + C X. The block [query, query] of C is zero. The block
  /// [support, support] is zero if there are less than two steps; the blocks [support, n] are zero
  /// at first order.
  Real* coupling = nullptr;
  Real* tail = nullptr;   ///< [tail_size] gradient
  Real* rates = nullptr;  ///< [inner_steps, rate_count] gradient, if HeadShape::rate_gradient
  Real* loss = nullptr;   ///< [1] loss of the query rows after adaptation
};

}  // namespace hearth

#pragma once

#include <cstdint>

#include "trainer/tensor/host_device.h"

namespace hearth {

/// The adapted layers of a dense head, h_{l+1} = act(h_l W_l + b_l), the last one without
/// activation and of width 1, and what adapts them: `inner_steps` steps of gradient descent.
struct HeadShape {
  static constexpr int kMaxLayers = 4;
  enum class Activation { kRelu, kGelu, kTanh, kIdentity };
  enum class Loss { kMse, kBce };

  int layer_count = 1;                 ///< 1..kMaxLayers
  int64_t width[kMaxLayers + 1] = {};  ///< of the input, then of each layer's output; the last is 1
  Activation activation = Activation::kRelu;
  Loss loss = Loss::kMse;
  int inner_steps = 1;         ///< >= 0
  bool second_order = true;    ///< false: gradients of the inner loop are constants
  bool rate_gradient = false;  ///< whether the inner rates are learned

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

  /// The tail: every parameter but W_0, which is never formed per task (head_gradient.h). Layers
  /// in order; in a layer the weight [in, Padded(out)], then the bias [Padded(out)]; the weight of
  /// the last layer of several is a vector [Padded(in)].
  HEARTH_HOST_DEVICE int64_t weight_offset(int l) const {
    int64_t offset = out(0);
    for (int i = 1; i < l; ++i) offset += weight_size(i) + out(i);
    return offset;
  }
  HEARTH_HOST_DEVICE int64_t weight_size(int l) const {
    return is_output(l) ? Padded(width[l]) : width[l] * out(l);
  }
  HEARTH_HOST_DEVICE int64_t bias_offset(int l) const {
    return l > 0 ? weight_offset(l) + weight_size(l) : 0;
  }
  HEARTH_HOST_DEVICE int64_t tail_size() const {
    return bias_offset(layer_count - 1) + out(layer_count - 1);
  }
  /// Whether layer l >= 1 is the last of several, whose weight is a vector.
  HEARTH_HOST_DEVICE bool is_output(int l) const { return l > 0 && l == layer_count - 1; }
  /// Inner rates: [step, 2 l] of W_l, [step, 2 l + 1] of b_l.
  HEARTH_HOST_DEVICE int rate_count() const { return 2 * layer_count; }
};

/// What all tasks share.
template <typename Real>
struct HeadParameters {
  const Real* tail;    ///< [tail_size]
  const Real* rates;   ///< [inner_steps, rate_count]
  Real output_offset;  ///< added to the output
};

/// One task: n = support + query rows, support rows first. X are the inputs of layer 0, which do
/// not change in the inner loop.
template <typename Real>
struct HeadTask {
  int64_t support = 0, query = 0;
  const Real* start = nullptr;   ///< [n, out(0)] X W_0
  const Real* gram = nullptr;    ///< [n, support] X X_support'
  const Real* labels = nullptr;  ///< [n]
  Real support_weight = 0;       ///< of a support row in its loss: 1 / support for the plain mean
  Real query_weight = 0;

  // Results, overwritten.
  Real* adjoint = nullptr;  ///< E [n, out(0)]: the gradient of W_0 is X' E
  /// C [n, n]: the gradient of X is E W_0' + C X. Its block [query, query] is zero; so is
  /// [support, support] unless there are two steps, and [support, n] at first order.
  Real* mixing = nullptr;
  Real* tail = nullptr;   ///< [tail_size] gradient
  Real* rates = nullptr;  ///< [inner_steps, rate_count] gradient, where it is asked for
  Real* loss = nullptr;   ///< [1] of the query rows after adaptation
};

}  // namespace hearth

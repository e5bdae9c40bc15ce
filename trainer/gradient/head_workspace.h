#pragma once

#include "trainer/gradient/head_task.h"

namespace hearth {

/// The results of one forward and backward pass over some rows. Layers l run over the layers below
/// the output. A head of one layer has layer 0 alone, without activation.
template <typename Real>
struct HeadPass {
  Real* tail = nullptr;                      ///< parameters of the pass, [tail_size]
  Real* drift = nullptr;                     ///< D_k [support, out(0)]
  Real* output_delta = nullptr;              ///< [rows] gradient by the output
  Real* curvature = nullptr;                 ///< [rows] second derivative of the loss by the output
  Real* hidden[HeadShape::kMaxLayers] = {};  ///< [rows, out(l)] after the activation
  Real* slope[HeadShape::kMaxLayers] = {};   ///< [rows, out(l)] derivative of the activation
  /// [rows, out(l)] second derivative of the activation times the gradient from the layer above;
  /// null for activations whose second derivative is zero everywhere
  Real* bend[HeadShape::kMaxLayers] = {};
  Real* delta[HeadShape::kMaxLayers] = {};       ///< [rows, out(l)] gradient by pre-activations
  Real* transposed[HeadShape::kMaxLayers] = {};  ///< W_l' [out, Padded(in)], inner layers l >= 1
};

/// The R-operator (head_gradient.h) applied to a pass over support rows, and scratch of the same
/// sizes.
template <typename Real>
struct HeadTangent {
  Real* hidden[HeadShape::kMaxLayers] = {};
  Real* before[HeadShape::kMaxLayers] =
      {};  ///< R of the pre-activations; null if HeadPass::bend is
  Real* delta[HeadShape::kMaxLayers] = {};
  Real* transposed[HeadShape::kMaxLayers] = {};  ///< transposed weights of the adjoint
  Real* output_delta = nullptr;                  ///< [rows]
  Real* row = nullptr;                           ///< [rows] scratch
  Real* pull = nullptr;                          ///< Xs lambda_W0 [support, out(0)]
  Real* query_pull = nullptr;                    ///< the share of `pull` that the query rows give
};

/// Divides the memory of one task: inner_steps passes over the support rows and one pass over the
/// query rows. The tangent has its own memory: it is smaller, and every step back uses it.
template <typename Real>
class HeadWorkspace {
 public:
  HEARTH_HOST_DEVICE HeadWorkspace() {}
  /// passes: PassesSize elements; tangent: TangentSize elements.
  HEARTH_HOST_DEVICE HeadWorkspace(const HeadShape& shape, int64_t support, int64_t query,
                                   Real* passes, Real* tangent)
      : shape_(shape), support_(support), query_(query), passes_(passes), tangent_(tangent) {
    HeadPass<Real> unused;
    pass_size_ = PlacePass(nullptr, support, unused);
  }

  /// The number of elements for a task of these many rows; it never falls with more rows.
  HEARTH_HOST_DEVICE static int64_t PassesSize(const HeadShape& shape, int64_t support,
                                               int64_t query) {
    const HeadWorkspace counting(shape, support, query, nullptr, nullptr);
    HeadPass<Real> unused;
    return shape.inner_steps * counting.pass_size_ + counting.PlacePass(nullptr, query, unused);
  }
  HEARTH_HOST_DEVICE static int64_t TangentSize(const HeadShape& shape, int64_t support,
                                                int64_t query) {
    HeadTangent<Real> unused;
    return HeadWorkspace(shape, support, query, nullptr, nullptr).PlaceTangent(nullptr, unused);
  }

  /// The pass of inner step k < inner_steps; k = inner_steps is the pass over the query rows.
  HEARTH_HOST_DEVICE HeadPass<Real> pass(int k) const {
    HeadPass<Real> pass;
    PlacePass(passes_ + k * pass_size_, k < shape_.inner_steps ? support_ : query_, pass);
    return pass;
  }

  HEARTH_HOST_DEVICE HeadTangent<Real> tangent() const {
    HeadTangent<Real> tangent;
    PlaceTangent(tangent_, tangent);
    return tangent;
  }

 private:
  // Takes pieces of a memory one after another. Null memory: only counts the elements.
  struct Pieces {
    Real* memory;
    int64_t used = 0;
    HEARTH_HOST_DEVICE Real* Take(int64_t count) {
      Real* piece = memory == nullptr ? nullptr : memory + used;
      used += HeadShape::Padded(count);
      return piece;
    }
  };

  HEARTH_HOST_DEVICE int hidden_count() const {
    if (shape_.layer_count == 1) return 1;
    return shape_.layer_count - 1;
  }
  HEARTH_HOST_DEVICE int64_t transposed_size(int l) const {
    return shape_.width[l + 1] * HeadShape::Padded(shape_.width[l]);
  }

  // Returns the number of elements used.
  HEARTH_HOST_DEVICE int64_t PlacePass(Real* memory, int64_t rows, HeadPass<Real>& pass) const {
    Pieces pieces{memory};
    pass.tail = pieces.Take(shape_.tail_size());
    pass.drift = pieces.Take(support_ * shape_.out(0));
    pass.output_delta = pieces.Take(rows);
    pass.curvature = pieces.Take(rows);
    for (int l = 0; l < hidden_count(); ++l) {
      const int64_t count = rows * shape_.out(l);
      pass.hidden[l] = pieces.Take(count);
      pass.slope[l] = pieces.Take(count);
      if (shape_.is_smooth()) pass.bend[l] = pieces.Take(count);
      pass.delta[l] = pieces.Take(count);
      if (l > 0) pass.transposed[l] = pieces.Take(transposed_size(l));
    }
    return pieces.used;
  }

  HEARTH_HOST_DEVICE int64_t PlaceTangent(Real* memory, HeadTangent<Real>& r) const {
    Pieces pieces{memory};
    const int64_t rows = support_ > query_ ? support_ : query_;
    for (int l = 0; l < hidden_count(); ++l) {
      r.hidden[l] = pieces.Take(rows * shape_.out(l));
      if (shape_.is_smooth()) r.before[l] = pieces.Take(rows * shape_.out(l));
      r.delta[l] = pieces.Take(rows * shape_.out(l));
      if (l > 0) r.transposed[l] = pieces.Take(transposed_size(l));
    }
    r.output_delta = pieces.Take(rows);
    r.row = pieces.Take(rows);
    r.pull = pieces.Take(support_ * shape_.out(0));
    r.query_pull = pieces.Take(support_ * shape_.out(0));
    return pieces.used;
  }

  HeadShape shape_;
  int64_t support_ = 0, query_ = 0, pass_size_ = 0;
  Real *passes_ = nullptr, *tangent_ = nullptr;
};

}  // namespace hearth

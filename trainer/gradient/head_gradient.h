#pragma once

#include "trainer/gradient/activation.h"
#include "trainer/gradient/head_task.h"
#include "trainer/gradient/head_workspace.h"

namespace hearth {

/// The exact meta-gradient of one task, derived by hand as a forward-over-reverse adjoint of the
/// inner loop.
///
/// The inner loop is theta_{k+1} = theta_k - a_k g(theta_k). Its adjoint runs from the last step
/// back to the first:
///   lambda_K = d loss / d theta_K,   lambda_k = lambda_{k+1} - H(theta_k) (a_k lambda_{k+1})
/// The R-operator (Pearlmutter 1994) is the derivative in one direction. Its application to the
/// forward and backward pass of a step gives the product with the Hessian H and the mixed
/// derivative by the inputs.
///
/// W_0 is never formed per task. Its inputs X are fixed in the loop. Let d_k be the gradient of
/// step k by the pre-activations of layer 0, and D_k = sum_{j<k} a_j d_j (the drift). Then
///   X W_0^k = X W_0 - (X Xs') D_k,
/// and the adjoint of W_0 stays a product too: lambda_W0 = Xq' Eq + Xs' Es. (Xs, Xq: the support
/// and query rows of X; Es, Eq: the rows of HeadTask::adjoint.) So X enters through two products
/// alone: X W_0, with the W_0 that all tasks share, and the Gram matrix X Xs'.
///
/// `Math` is HostMath (one thread with vector instructions) or DeviceMath (a block of a GPU).
template <typename Real, typename Math>
class HeadGradient {
 public:
  HEARTH_HOST_DEVICE HeadGradient(const HeadShape& shape, const HeadParameters<Real>& parameters,
                                  const Math& math)
      : shape_(shape), parameters_(parameters), math_(math) {}

  /// passes, tangent: the memory of a HeadWorkspace, aligned to 64 bytes.
  HEARTH_HOST_DEVICE void Run(const HeadTask<Real>& task, Real* passes, Real* tangent) {
    task_ = task;
    work_ = HeadWorkspace<Real>(shape_, task.support, task.query, passes, tangent);
    r_ = work_.tangent();
    AdaptToSupport();
    DifferentiateQuery();
    for (int k = shape_.inner_steps - 1; k >= 0; --k) StepBack(k);
    AddQueryCoupling();
  }

 private:
  using Pass = HeadPass<Real>;

  HEARTH_HOST_DEVICE int last() const { return shape_.layer_count - 1; }
  HEARTH_HOST_DEVICE int64_t out(int l) const { return shape_.out(l); }
  HEARTH_HOST_DEVICE Real rate(int k, int index) const {
    return parameters_.rates[k * shape_.rate_count() + index];
  }
  HEARTH_HOST_DEVICE const Real* weight(const Real* tail, int l) const {
    return tail + shape_.weight_offset(l);
  }
  HEARTH_HOST_DEVICE const Real* bias(const Real* tail, int l) const {
    return tail + shape_.bias_offset(l);
  }

  // ---- the inner loop

  HEARTH_HOST_DEVICE void AdaptToSupport() {
    Pass pass = work_.pass(0);
    math_.Copy(pass.tail, parameters_.tail, shape_.tail_size());
    math_.Fill(pass.drift, Real(0), task_.support * out(0));
    for (int k = 0; k < shape_.inner_steps; ++k) {
      Forward(k, pass, task_.start, task_.gram, task_.support);
      Loss(pass, task_.labels, task_.support, task_.support_weight);
      Backward(pass, task_.support);
      const Pass next = work_.pass(k + 1);
      Descend(k, pass, next);
      pass = next;
    }
  }

  // Fills `next` with the parameters and the drift after step k.
  HEARTH_HOST_DEVICE void Descend(int k, const Pass& pass, const Pass& next) {
    math_.Copy(next.tail, pass.tail, shape_.tail_size());
    AddGradient(pass, task_.support, next.tail, [&](int index) { return -rate(k, index); });
    const Real a = rate(k, 0);
    const Real *drift = pass.drift, *delta = pass.delta[0];
    Real* sum = next.drift;
    math_.Each(task_.support * out(0), [=](int64_t i) { sum[i] = drift[i] + a * delta[i]; });
  }

  // ---- one pass over some rows

  // Forward pass with the parameters after k steps. start, gram: X W_0 and X Xs' of these rows.
  HEARTH_HOST_DEVICE void Forward(int k, const Pass& pass, const Real* start, const Real* gram,
                                  int64_t rows) {
    Real* z = pass.hidden[0];
    AddBias(z, start, bias(pass.tail, 0), rows, out(0));
    if (k > 0) {  // step 0 has no drift
      math_.Gemm(z, rows, out(0), task_.support, gram, task_.support, 1, pass.drift, Real(-1));
    }
    for (int l = 0; l < last(); ++l) {
      Activate(pass, l, rows);
      if (l + 1 == last()) break;
      const Real* w = weight(pass.tail, l + 1);
      AddBias(pass.hidden[l + 1], nullptr, bias(pass.tail, l + 1), rows, out(l + 1));
      math_.Gemm(pass.hidden[l + 1], rows, out(l + 1), shape_.width[l + 1], pass.hidden[l], out(l),
                 1, w, Real(1));
      math_.Transpose(pass.transposed[l + 1], shape_.out(l), w, out(l + 1), shape_.width[l + 1],
                      shape_.width[l + 2]);
    }
    Output(pass, rows);
  }

  // to = from (or zero) + bias in every row.
  HEARTH_HOST_DEVICE void AddBias(Real* to, const Real* from, const Real* bias, int64_t rows,
                                  int64_t width) {
    if (from == nullptr) {
      math_.EachRow(rows, width, [=](int64_t r, int64_t j) { to[r * width + j] = bias[j]; });
    } else {
      math_.EachRow(rows, width, [=](int64_t r, int64_t j) {
        to[r * width + j] = from[r * width + j] + bias[j];
      });
    }
  }

  HEARTH_HOST_DEVICE void Activate(const Pass& pass, int l, int64_t rows) {
    Real *h = pass.hidden[l], *slope = pass.slope[l], *bend = pass.bend[l];
    const int64_t count = rows * out(l);
    switch (shape_.activation) {
      case HeadShape::Activation::kRelu:
        math_.Each(count, [=](int64_t i) {
          slope[i] = h[i] > Real(0) ? Real(1) : Real(0);
          h[i] = h[i] > Real(0) ? h[i] : Real(0);
        });
        break;
      case HeadShape::Activation::kIdentity:
        math_.Fill(slope, Real(1), count);
        break;
      case HeadShape::Activation::kGelu:
        math_.Each(count, [=](int64_t i) { Gelu(h[i], slope[i], bend[i]); });
        break;
      case HeadShape::Activation::kTanh:
        math_.Each(count, [=](int64_t i) { Tanh(h[i], slope[i], bend[i]); });
        break;
    }
  }

  // Leaves the raw outputs in pass.output_delta.
  HEARTH_HOST_DEVICE void Output(const Pass& pass, int64_t rows) {
    const Real offset = parameters_.output_offset;
    Real* y = pass.output_delta;
    if (last() == 0) {
      const Real* z = pass.hidden[0];
      const int64_t width = out(0);
      math_.Each(rows, [=](int64_t r) { y[r] = z[r * width] + offset; });
      return;
    }
    const Real b = bias(pass.tail, last())[0] + offset;
    math_.RowDots(y, pass.hidden[last() - 1], weight(pass.tail, last()), rows, out(last() - 1));
    math_.Each(rows, [=](int64_t r) { y[r] += b; });
  }

  // Returns the weighted loss of the outputs in output_delta. Its two derivatives by the outputs
  // replace output_delta and fill curvature.
  HEARTH_HOST_DEVICE Real Loss(const Pass& pass, const Real* labels, int64_t rows,
                               Real row_weight) {
    Real *y = pass.output_delta, *curvature = pass.curvature, *loss = r_.row;
    if (shape_.loss == HeadShape::Loss::kMse) {
      math_.Each(rows, [=](int64_t r) {
        const Real difference = y[r] - labels[r];
        loss[r] = row_weight * difference * difference;
        y[r] = 2 * row_weight * difference;
        curvature[r] = 2 * row_weight;
      });
    } else {
      math_.Each(rows, [=](int64_t r) {
        const Real p = Sigmoid(y[r]);
        loss[r] = row_weight * (Softplus(y[r]) - y[r] * labels[r]);
        y[r] = row_weight * (p - labels[r]);
        curvature[r] = row_weight * p * (1 - p);
      });
    }
    return math_.Sum(rows, [=](int64_t r) { return loss[r]; });
  }

  // Makes delta of every layer from output_delta, and multiplies bend by the gradient from the
  // layer above.
  HEARTH_HOST_DEVICE void Backward(const Pass& pass, int64_t rows) {
    const Real* dy = pass.output_delta;
    if (last() == 0) {
      SpreadOutput(pass.delta[0], dy, rows);
      return;
    }
    const int top = last() - 1;
    const Real* w = weight(pass.tail, last());
    Real* delta = pass.delta[top];
    const int64_t width = out(top);
    math_.EachRow(rows, width, [=](int64_t r, int64_t j) { delta[r * width + j] = dy[r] * w[j]; });
    ThroughActivation(pass, top, rows);
    for (int l = top; l >= 1; --l) {
      math_.Fill(pass.delta[l - 1], Real(0), rows * out(l - 1));
      math_.Gemm(pass.delta[l - 1], rows, out(l - 1), shape_.width[l + 1], pass.delta[l], out(l), 1,
                 pass.transposed[l], Real(1));
      ThroughActivation(pass, l - 1, rows);
    }
  }

  HEARTH_HOST_DEVICE void ThroughActivation(const Pass& pass, int l, int64_t rows) {
    Real *delta = pass.delta[l], *bend = pass.bend[l];
    const Real* slope = pass.slope[l];
    if (bend == nullptr) {
      math_.Each(rows * out(l), [=](int64_t i) { delta[i] *= slope[i]; });
    } else {
      math_.Each(rows * out(l), [=](int64_t i) {
        bend[i] *= delta[i];
        delta[i] *= slope[i];
      });
    }
  }

  // For a head of one layer: the output is column 0 of the padded layer.
  HEARTH_HOST_DEVICE void SpreadOutput(Real* layer, const Real* output, int64_t rows) {
    const int64_t width = out(0);
    math_.EachRow(rows, width, [=](int64_t r, int64_t j) {
      layer[r * width + j] = j == 0 ? output[r] : Real(0);
    });
  }

  // Adds scale(index) * gradient of the pass to `tail`, for every parameter of the tail.
  template <typename Scale>
  HEARTH_HOST_DEVICE void AddGradient(const Pass& pass, int64_t rows, Real* tail, Scale scale) {
    math_.AddColumnSums(tail, pass.delta[0], out(0), rows, out(0), scale(1));
    for (int l = 1; l < last(); ++l) {
      math_.Gemm(tail + shape_.weight_offset(l), shape_.width[l], out(l), rows, pass.hidden[l - 1],
                 1, out(l - 1), pass.delta[l], scale(2 * l));
      math_.AddColumnSums(tail + shape_.bias_offset(l), pass.delta[l], out(l), rows, out(l),
                          scale(2 * l + 1));
    }
    if (last() == 0) return;
    const Real* dy = pass.output_delta;
    math_.AddWeightedRows(tail + shape_.weight_offset(last()), pass.hidden[last() - 1], dy, rows,
                          out(last() - 1), scale(2 * last()));
    const Real sum = math_.Sum(rows, [=](int64_t r) { return dy[r]; });
    math_.AddTo(tail + shape_.bias_offset(last()), scale(2 * last() + 1) * sum);
  }

  // ---- the way back

  // Writes lambda_K to task.tail and Eq to the query rows of the adjoint; sets Es = 0.
  HEARTH_HOST_DEVICE void DifferentiateQuery() {
    const Pass pass = work_.pass(shape_.inner_steps);
    const int64_t support = task_.support;
    Forward(shape_.inner_steps, pass, task_.start + support * out(0),
            task_.gram + support * support, task_.query);
    const Real loss = Loss(pass, task_.labels + support, task_.query, task_.query_weight);
    math_.Store(task_.loss, loss);
    Backward(pass, task_.query);
    math_.Fill(task_.tail, Real(0), shape_.tail_size());
    AddGradient(pass, task_.query, task_.tail, [](int) { return Real(1); });
    math_.Fill(task_.adjoint, Real(0), support * out(0));
    math_.Copy(task_.adjoint + support * out(0), pass.delta[0], task_.query * out(0));
    const int64_t n = support + task_.query;
    math_.Fill(task_.coupling, Real(0), n * n);
    // Xs lambda_W0 = (Xq Xs')' Eq + (Xs Xs') Es
    math_.Fill(r_.query_pull, Real(0), support * out(0));
    math_.Gemm(r_.query_pull, support, out(0), task_.query, task_.gram + support * support, 1,
               support, pass.delta[0], Real(1));
  }

  HEARTH_HOST_DEVICE void StepBack(int k) {
    if (!shape_.second_order && !shape_.rate_gradient) return;
    const Pass pass = work_.pass(k);
    const int64_t count = task_.support * out(0);
    math_.Copy(r_.pull, r_.query_pull, count);
    if (k + 1 < shape_.inner_steps) {  // Es is zero before the first step back
      math_.Gemm(r_.pull, task_.support, out(0), task_.support, task_.gram, task_.support, 1,
                 task_.adjoint, Real(1));
    }
    if (shape_.rate_gradient) RatesOfFirstLayer(k, pass);
    TangentForward(k, pass);
    if (!shape_.second_order) return;
    TangentBackward(k, pass);
    AddStepCoupling(k, pass);
    UpdateAdjoint(pass);
  }

  HEARTH_HOST_DEVICE void StoreRate(int k, int index, Real value) {
    math_.Store(task_.rates + k * shape_.rate_count() + index, value);
  }
  HEARTH_HOST_DEVICE Real Dot(const Real* a, const Real* b, int64_t count) {
    return math_.Sum(count, [=](int64_t i) { return a[i] * b[i]; });
  }
  // <bias adjoint, gradient of the bias>
  HEARTH_HOST_DEVICE Real BiasDot(const Real* lambda, const Real* delta, int64_t width) {
    return math_.Sum(task_.support * width,
                     [=](int64_t i) { return lambda[i % width] * delta[i]; });
  }

  // The derivative by the rate of a parameter p is -<adjoint of p, gradient of p>.
  HEARTH_HOST_DEVICE void RatesOfFirstLayer(int k, const Pass& pass) {
    StoreRate(k, 0, -Dot(r_.pull, pass.delta[0], task_.support * out(0)));
    StoreRate(k, 1, -BiasDot(task_.tail, pass.delta[0], out(0)));
  }

  // R of the forward pass in the direction v = a lambda. The same products give the derivatives by
  // the rates; first order needs nothing else of this pass.
  HEARTH_HOST_DEVICE void TangentForward(int k, const Pass& pass) {
    const Real a_weight = rate(k, 0), a_bias = rate(k, 1);
    const int64_t rows = task_.support, width = out(0);
    Real* rz = r_.hidden[0];
    const Real *pull = r_.pull, *lambda_bias = task_.tail;
    math_.EachRow(rows, width, [=](int64_t r, int64_t j) {
      rz[r * width + j] = a_weight * pull[r * width + j] + a_bias * lambda_bias[j];
    });
    for (int l = 0; l < last(); ++l) {
      TangentActivation(pass, l);
      if (l + 1 < last()) TangentLayer(k, pass, l + 1);
    }
    TangentOutput(k, pass);
  }

  // R h = slope R z. Smooth activations keep R z for the way back.
  HEARTH_HOST_DEVICE void TangentActivation(const Pass& pass, int l) {
    Real *rh = r_.hidden[l], *rz = r_.before[l];
    const Real* slope = pass.slope[l];
    const int64_t count = task_.support * out(l);
    if (rz != nullptr) math_.Copy(rz, rh, count);
    math_.Each(count, [=](int64_t i) { rh[i] *= slope[i]; });
  }

  // R z_l = h v_W + R h W + v_b
  HEARTH_HOST_DEVICE void TangentLayer(int k, const Pass& pass, int l) {
    const int64_t rows = task_.support, width = out(l);
    const Real* lambda_weight = weight(task_.tail, l);
    const Real* lambda_bias = bias(task_.tail, l);
    Real* rz = r_.hidden[l];
    math_.Fill(rz, Real(0), rows * width);
    math_.Gemm(rz, rows, width, shape_.width[l], pass.hidden[l - 1], out(l - 1), 1, lambda_weight,
               Real(1));
    if (shape_.rate_gradient) {
      StoreRate(k, 2 * l, -Dot(rz, pass.delta[l], rows * width));
      StoreRate(k, 2 * l + 1, -BiasDot(lambda_bias, pass.delta[l], width));
    }
    const Real a_weight = rate(k, 2 * l), a_bias = rate(k, 2 * l + 1);
    math_.EachRow(rows, width, [=](int64_t r, int64_t j) {
      rz[r * width + j] = a_weight * rz[r * width + j] + a_bias * lambda_bias[j];
    });
    math_.Gemm(rz, rows, width, shape_.width[l], r_.hidden[l - 1], out(l - 1), 1,
               weight(pass.tail, l), Real(1));
  }

  // If there are several layers, the output is a dot product with a vector, else it is column 0.
  HEARTH_HOST_DEVICE void TangentOutput(int k, const Pass& pass) {
    const int64_t rows = task_.support;
    Real* ry = r_.output_delta;
    if (last() == 0) {
      const Real* rz = r_.hidden[0];
      const int64_t width = out(0);
      math_.Each(rows, [=](int64_t r) { ry[r] = rz[r * width]; });
    } else {
      const int top = last() - 1;
      const Real lambda_bias = bias(task_.tail, last())[0];
      math_.RowDots(ry, pass.hidden[top], weight(task_.tail, last()), rows, out(top));
      if (shape_.rate_gradient) {
        const Real* dy = pass.output_delta;
        StoreRate(k, 2 * last(), -Dot(ry, dy, rows));
        const Real sum = math_.Sum(rows, [=](int64_t r) { return dy[r]; });
        StoreRate(k, 2 * last() + 1, -lambda_bias * sum);
      }
      const Real a_weight = rate(k, 2 * last());
      const Real shift = rate(k, 2 * last() + 1) * lambda_bias;
      Real* through = r_.row;
      math_.RowDots(through, r_.hidden[top], weight(pass.tail, last()), rows, out(top));
      math_.Each(rows, [=](int64_t r) { ry[r] = a_weight * ry[r] + shift + through[r]; });
    }
    const Real* curvature = pass.curvature;
    math_.Each(rows, [=](int64_t r) { ry[r] *= curvature[r]; });
  }

  // R of the backward pass: r_.delta and r_.output_delta become the R of pass.delta and
  // pass.output_delta.
  HEARTH_HOST_DEVICE void TangentBackward(int k, const Pass& pass) {
    const int64_t rows = task_.support;
    if (last() == 0) {
      SpreadOutput(r_.delta[0], r_.output_delta, rows);
      return;
    }
    const int top = last() - 1;
    const int64_t width = out(top);
    const Real a = rate(k, 2 * last());
    const Real *w = weight(pass.tail, last()), *lambda = weight(task_.tail, last());
    const Real *dy = pass.output_delta, *rdy = r_.output_delta;
    Real* rd = r_.delta[top];
    math_.EachRow(rows, width, [=](int64_t r, int64_t j) {
      rd[r * width + j] = rdy[r] * w[j] + a * dy[r] * lambda[j];
    });
    TangentThroughActivation(pass, top);
    for (int l = top; l >= 1; --l) {
      const int64_t below = out(l - 1);
      math_.Transpose(r_.transposed[l], below, weight(task_.tail, l), out(l), shape_.width[l],
                      shape_.width[l + 1]);
      math_.Fill(r_.delta[l - 1], Real(0), rows * below);
      math_.Gemm(r_.delta[l - 1], rows, below, shape_.width[l + 1], pass.delta[l], out(l), 1,
                 r_.transposed[l], rate(k, 2 * l));
      math_.Gemm(r_.delta[l - 1], rows, below, shape_.width[l + 1], r_.delta[l], out(l), 1,
                 pass.transposed[l], Real(1));
      TangentThroughActivation(pass, l - 1);
    }
  }

  HEARTH_HOST_DEVICE void TangentThroughActivation(const Pass& pass, int l) {
    Real* rd = r_.delta[l];
    const Real *slope = pass.slope[l], *bend = pass.bend[l], *rz = r_.before[l];
    const int64_t count = task_.support * out(l);
    if (bend == nullptr) {
      math_.Each(count, [=](int64_t i) { rd[i] *= slope[i]; });
    } else {
      math_.Each(count, [=](int64_t i) { rd[i] = rd[i] * slope[i] + bend[i] * rz[i]; });
    }
  }

  // coupling[support, support] += R d_0 D_k' - a d_0 Es', with the Es from before this step.
  HEARTH_HOST_DEVICE void AddStepCoupling(int k, const Pass& pass) {
    const int64_t s = task_.support, n = s + task_.query;
    if (k > 0) {  // step 0 has no drift
      math_.GemmTransposed(task_.coupling, n, s, s, out(0), r_.delta[0], pass.drift, Real(1));
    }
    if (k + 1 < shape_.inner_steps) {  // Es is zero before the first step back
      math_.GemmTransposed(task_.coupling, n, s, s, out(0), pass.delta[0], task_.adjoint,
                           -rate(k, 0));
    }
  }

  // Subtracts H v from lambda, parameter by parameter, and R d_0 from Es.
  HEARTH_HOST_DEVICE void UpdateAdjoint(const Pass& pass) {
    const int64_t rows = task_.support;
    Real* es = task_.adjoint;
    const Real* rd = r_.delta[0];
    math_.Each(rows * out(0), [=](int64_t i) { es[i] -= rd[i]; });
    math_.AddColumnSums(task_.tail, rd, out(0), rows, out(0), Real(-1));
    for (int l = 1; l < last(); ++l) {
      Real* lambda = task_.tail + shape_.weight_offset(l);
      math_.Gemm(lambda, shape_.width[l], out(l), rows, r_.hidden[l - 1], 1, out(l - 1),
                 pass.delta[l], Real(-1));
      math_.Gemm(lambda, shape_.width[l], out(l), rows, pass.hidden[l - 1], 1, out(l - 1),
                 r_.delta[l], Real(-1));
      math_.AddColumnSums(task_.tail + shape_.bias_offset(l), r_.delta[l], out(l), rows, out(l),
                          Real(-1));
    }
    if (last() == 0) return;
    Real* lambda = task_.tail + shape_.weight_offset(last());
    const int64_t width = out(last() - 1);
    const Real* rdy = r_.output_delta;
    math_.AddWeightedRows(lambda, r_.hidden[last() - 1], pass.output_delta, rows, width, Real(-1));
    math_.AddWeightedRows(lambda, pass.hidden[last() - 1], rdy, rows, width, Real(-1));
    const Real sum = math_.Sum(rows, [=](int64_t r) { return rdy[r]; });
    math_.AddTo(task_.tail + shape_.bias_offset(last()), -sum);
  }

  // Fills the two blocks of the coupling that join support and query rows: -Eq D_K' and, in second
  // order, its transpose.
  HEARTH_HOST_DEVICE void AddQueryCoupling() {
    const int64_t s = task_.support, q = task_.query, n = s + q;
    const Pass pass = work_.pass(shape_.inner_steps);
    Real* coupling = task_.coupling;
    math_.GemmTransposed(coupling + s * n, n, q, s, out(0), pass.delta[0], pass.drift, Real(-1));
    if (!shape_.second_order) return;
    math_.EachRow(
        s, q, [=](int64_t i, int64_t j) { coupling[i * n + s + j] = coupling[(s + j) * n + i]; });
  }

  HeadShape shape_;
  HeadParameters<Real> parameters_;
  Math math_;
  HeadTask<Real> task_;
  HeadWorkspace<Real> work_;
  HeadTangent<Real> r_;
};

}  // namespace hearth

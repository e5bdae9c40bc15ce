#pragma once

#include "trainer/gradient/activation.h"
#include "trainer/gradient/head_task.h"
#include "trainer/gradient/head_workspace.h"

namespace hearth {

/// The exact meta-gradient of one task, by hand: a forward-over-reverse adjoint of the inner loop.
///
/// Inner loop, theta_{k+1} = theta_k - a_k g(theta_k): its adjoint is, from the last step back,
///   lambda_K = d loss / d theta_K,   lambda_k = lambda_{k+1} - H(theta_k) (a_k lambda_{k+1}),
/// and one application of the R-operator (Pearlmutter 1994) to the forward and backward pass of a
/// step gives the product with the Hessian H and the mixed derivative by the inputs.
///
/// W_0 is never formed per task. Its inputs X are fixed in the loop, so with d_k the gradient of
/// step k by the pre-activations of layer 0 and D_k = sum_{j<k} a_j d_j (the drift),
///   X W_0^k = X W_0 - (X Xs') D_k,
/// and its adjoint stays a product too: lambda_W0 = Xq' Eq + Xs' Es. All that is left of X are the
/// products with W_0, which all tasks share, and the Gram matrix X Xs'.
///
/// `Team` is who computes: one thread with vectors (HostTeam) or a block of a GPU (DeviceTeam).
template <typename Real, typename Team>
class HeadGradient {
 public:
  HEARTH_HOST_DEVICE HeadGradient(const HeadShape& shape, const HeadParameters<Real>& parameters,
                                  const Team& team)
      : shape_(shape), parameters_(parameters), team_(team) {}

  /// passes, tangent: the memory of a HeadWorkspace, aligned to 64 bytes.
  HEARTH_HOST_DEVICE void Run(const HeadTask<Real>& task, Real* passes, Real* tangent) {
    task_ = task;
    work_ = HeadWorkspace<Real>(shape_, task.support, task.query, passes, tangent);
    r_ = work_.tangent();
    AdaptToSupport();
    DifferentiateQuery();
    for (int k = shape_.inner_steps - 1; k >= 0; --k) StepBack(k);
    Mix();
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
    team_.Copy(pass.tail, parameters_.tail, shape_.tail_size());
    team_.Fill(pass.drift, Real(0), task_.support * out(0));
    for (int k = 0; k < shape_.inner_steps; ++k) {
      Forward(k, pass, task_.start, task_.gram, task_.support);
      Loss(pass, task_.labels, task_.support, task_.support_weight);
      Backward(pass, task_.support);
      const Pass next = work_.pass(k + 1);
      Descend(k, pass, next);
      pass = next;
    }
  }

  // next = parameters and drift after step k.
  HEARTH_HOST_DEVICE void Descend(int k, const Pass& pass, const Pass& next) {
    team_.Copy(next.tail, pass.tail, shape_.tail_size());
    AddGradient(pass, task_.support, next.tail, [&](int index) { return -rate(k, index); });
    const Real a = rate(k, 0);
    const Real *drift = pass.drift, *delta = pass.delta[0];
    Real* sum = next.drift;
    team_.Each(task_.support * out(0), [=](int64_t i) { sum[i] = drift[i] + a * delta[i]; });
  }

  // ---- one pass over some rows

  // After k steps. start, gram: of these rows.
  HEARTH_HOST_DEVICE void Forward(int k, const Pass& pass, const Real* start, const Real* gram,
                                  int64_t rows) {
    Real* z = pass.hidden[0];
    AddBias(z, start, bias(pass.tail, 0), rows, out(0));
    if (k > 0) {  // before, there is no drift
      team_.Gemm(z, rows, out(0), task_.support, gram, task_.support, 1, pass.drift, Real(-1));
    }
    for (int l = 0; l < last(); ++l) {
      Activate(pass, l, rows);
      if (l + 1 == last()) break;
      const Real* w = weight(pass.tail, l + 1);
      AddBias(pass.hidden[l + 1], nullptr, bias(pass.tail, l + 1), rows, out(l + 1));
      team_.Gemm(pass.hidden[l + 1], rows, out(l + 1), shape_.width[l + 1], pass.hidden[l], out(l),
                 1, w, Real(1));
      team_.Transpose(pass.transposed[l + 1], shape_.out(l), w, out(l + 1), shape_.width[l + 1],
                      shape_.width[l + 2]);
    }
    Output(pass, rows);
  }

  // to = from (or zero) + bias in every row.
  HEARTH_HOST_DEVICE void AddBias(Real* to, const Real* from, const Real* bias, int64_t rows,
                                  int64_t width) {
    if (from == nullptr) {
      team_.EachRow(rows, width, [=](int64_t r, int64_t j) { to[r * width + j] = bias[j]; });
    } else {
      team_.EachRow(rows, width, [=](int64_t r, int64_t j) {
        to[r * width + j] = from[r * width + j] + bias[j];
      });
    }
  }

  HEARTH_HOST_DEVICE void Activate(const Pass& pass, int l, int64_t rows) {
    Real *h = pass.hidden[l], *slope = pass.slope[l], *bend = pass.bend[l];
    const int64_t count = rows * out(l);
    switch (shape_.activation) {
      case HeadShape::Activation::kRelu:
        team_.Each(count, [=](int64_t i) {
          slope[i] = h[i] > Real(0) ? Real(1) : Real(0);
          h[i] = h[i] > Real(0) ? h[i] : Real(0);
        });
        break;
      case HeadShape::Activation::kIdentity:
        team_.Fill(slope, Real(1), count);
        break;
      case HeadShape::Activation::kGelu:
        team_.Each(count, [=](int64_t i) { Gelu(h[i], slope[i], bend[i]); });
        break;
      case HeadShape::Activation::kTanh:
        team_.Each(count, [=](int64_t i) { Tanh(h[i], slope[i], bend[i]); });
        break;
    }
  }

  // The raw outputs, left in pass.output_delta.
  HEARTH_HOST_DEVICE void Output(const Pass& pass, int64_t rows) {
    const Real offset = parameters_.output_offset;
    Real* y = pass.output_delta;
    if (last() == 0) {
      const Real* z = pass.hidden[0];
      const int64_t width = out(0);
      team_.Each(rows, [=](int64_t r) { y[r] = z[r * width] + offset; });
      return;
    }
    const Real b = bias(pass.tail, last())[0] + offset;
    team_.RowDots(y, pass.hidden[last() - 1], weight(pass.tail, last()), rows, out(last() - 1));
    team_.Each(rows, [=](int64_t r) { y[r] += b; });
  }

  // Outputs -> weighted loss (returned) and its two derivatives by the outputs.
  HEARTH_HOST_DEVICE Real Loss(const Pass& pass, const Real* labels, int64_t rows,
                               Real row_weight) {
    Real *y = pass.output_delta, *curvature = pass.curvature, *loss = r_.row;
    if (shape_.loss == HeadShape::Loss::kMse) {
      team_.Each(rows, [=](int64_t r) {
        const Real difference = y[r] - labels[r];
        loss[r] = row_weight * difference * difference;
        y[r] = 2 * row_weight * difference;
        curvature[r] = 2 * row_weight;
      });
    } else {
      team_.Each(rows, [=](int64_t r) {
        const Real p = Sigmoid(y[r]);
        loss[r] = row_weight * (Softplus(y[r]) - y[r] * labels[r]);
        y[r] = row_weight * (p - labels[r]);
        curvature[r] = row_weight * p * (1 - p);
      });
    }
    return team_.Sum(rows, [=](int64_t r) { return loss[r]; });
  }

  // output_delta -> delta of every layer; bend takes in what came from above.
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
    team_.EachRow(rows, width, [=](int64_t r, int64_t j) { delta[r * width + j] = dy[r] * w[j]; });
    ThroughActivation(pass, top, rows);
    for (int l = top; l >= 1; --l) {
      team_.Fill(pass.delta[l - 1], Real(0), rows * out(l - 1));
      team_.Gemm(pass.delta[l - 1], rows, out(l - 1), shape_.width[l + 1], pass.delta[l], out(l), 1,
                 pass.transposed[l], Real(1));
      ThroughActivation(pass, l - 1, rows);
    }
  }

  HEARTH_HOST_DEVICE void ThroughActivation(const Pass& pass, int l, int64_t rows) {
    Real *delta = pass.delta[l], *bend = pass.bend[l];
    const Real* slope = pass.slope[l];
    if (bend == nullptr) {
      team_.Each(rows * out(l), [=](int64_t i) { delta[i] *= slope[i]; });
    } else {
      team_.Each(rows * out(l), [=](int64_t i) {
        bend[i] *= delta[i];
        delta[i] *= slope[i];
      });
    }
  }

  // A head of one layer: its output is column 0 of the padded layer.
  HEARTH_HOST_DEVICE void SpreadOutput(Real* layer, const Real* output, int64_t rows) {
    const int64_t width = out(0);
    team_.EachRow(rows, width, [=](int64_t r, int64_t j) {
      layer[r * width + j] = j == 0 ? output[r] : Real(0);
    });
  }

  // tail += scale(index) * gradient of the pass, for every parameter of the tail.
  template <typename Scale>
  HEARTH_HOST_DEVICE void AddGradient(const Pass& pass, int64_t rows, Real* tail, Scale scale) {
    team_.AddColumnSums(tail, pass.delta[0], out(0), rows, out(0), scale(1));
    for (int l = 1; l < last(); ++l) {
      team_.Gemm(tail + shape_.weight_offset(l), shape_.width[l], out(l), rows, pass.hidden[l - 1],
                 1, out(l - 1), pass.delta[l], scale(2 * l));
      team_.AddColumnSums(tail + shape_.bias_offset(l), pass.delta[l], out(l), rows, out(l),
                          scale(2 * l + 1));
    }
    if (last() == 0) return;
    const Real* dy = pass.output_delta;
    team_.AddWeightedRows(tail + shape_.weight_offset(last()), pass.hidden[last() - 1], dy, rows,
                          out(last() - 1), scale(2 * last()));
    const Real sum = team_.Sum(rows, [=](int64_t r) { return dy[r]; });
    team_.AddTo(tail + shape_.bias_offset(last()), scale(2 * last() + 1) * sum);
  }

  // ---- the way back

  // lambda_K into task.tail and Eq into the adjoint's query rows; Es = 0.
  HEARTH_HOST_DEVICE void DifferentiateQuery() {
    const Pass pass = work_.pass(shape_.inner_steps);
    const int64_t support = task_.support;
    Forward(shape_.inner_steps, pass, task_.start + support * out(0),
            task_.gram + support * support, task_.query);
    const Real loss = Loss(pass, task_.labels + support, task_.query, task_.query_weight);
    team_.Store(task_.loss, loss);
    Backward(pass, task_.query);
    team_.Fill(task_.tail, Real(0), shape_.tail_size());
    AddGradient(pass, task_.query, task_.tail, [](int) { return Real(1); });
    team_.Fill(task_.adjoint, Real(0), support * out(0));
    team_.Copy(task_.adjoint + support * out(0), pass.delta[0], task_.query * out(0));
    const int64_t n = support + task_.query;
    team_.Fill(task_.mixing, Real(0), n * n);
    // Xs lambda_W0 = (Xq Xs')' Eq + (Xs Xs') Es
    team_.Fill(r_.query_pull, Real(0), support * out(0));
    team_.Gemm(r_.query_pull, support, out(0), task_.query, task_.gram + support * support, 1,
               support, pass.delta[0], Real(1));
  }

  HEARTH_HOST_DEVICE void StepBack(int k) {
    if (!shape_.second_order && !shape_.rate_gradient) return;
    const Pass pass = work_.pass(k);
    const int64_t count = task_.support * out(0);
    team_.Copy(r_.pull, r_.query_pull, count);
    if (k + 1 < shape_.inner_steps) {  // Es is zero before the first step back
      team_.Gemm(r_.pull, task_.support, out(0), task_.support, task_.gram, task_.support, 1,
                 task_.adjoint, Real(1));
    }
    if (shape_.rate_gradient) RatesOfFirstLayer(k, pass);
    TangentForward(k, pass);
    if (!shape_.second_order) return;
    TangentBackward(k, pass);
    MixStep(k, pass);
    UpdateAdjoint(pass);
  }

  HEARTH_HOST_DEVICE void StoreRate(int k, int index, Real value) {
    team_.Store(task_.rates + k * shape_.rate_count() + index, value);
  }
  HEARTH_HOST_DEVICE Real Dot(const Real* a, const Real* b, int64_t count) {
    return team_.Sum(count, [=](int64_t i) { return a[i] * b[i]; });
  }
  // <bias adjoint, gradient of the bias>
  HEARTH_HOST_DEVICE Real BiasDot(const Real* lambda, const Real* delta, int64_t width) {
    return team_.Sum(task_.support * width,
                     [=](int64_t i) { return lambda[i % width] * delta[i]; });
  }

  // The derivative by the rate of a parameter is -<its adjoint, its gradient>.
  HEARTH_HOST_DEVICE void RatesOfFirstLayer(int k, const Pass& pass) {
    StoreRate(k, 0, -Dot(r_.pull, pass.delta[0], task_.support * out(0)));
    StoreRate(k, 1, -BiasDot(task_.tail, pass.delta[0], out(0)));
  }

  // R of the forward pass in the direction v = a lambda; also the derivatives by the rates, which
  // are made of the same products. First order wants these alone.
  HEARTH_HOST_DEVICE void TangentForward(int k, const Pass& pass) {
    const Real a_weight = rate(k, 0), a_bias = rate(k, 1);
    const int64_t rows = task_.support, width = out(0);
    Real* rz = r_.hidden[0];
    const Real *pull = r_.pull, *lambda_bias = task_.tail;
    team_.EachRow(rows, width, [=](int64_t r, int64_t j) {
      rz[r * width + j] = a_weight * pull[r * width + j] + a_bias * lambda_bias[j];
    });
    for (int l = 0; l < last(); ++l) {
      TangentActivation(pass, l);
      if (l + 1 < last()) TangentLayer(k, pass, l + 1);
    }
    TangentOutput(k, pass);
  }

  // R h = slope R z; the smooth ones keep R z for the way back.
  HEARTH_HOST_DEVICE void TangentActivation(const Pass& pass, int l) {
    Real *rh = r_.hidden[l], *rz = r_.before[l];
    const Real* slope = pass.slope[l];
    const int64_t count = task_.support * out(l);
    if (rz != nullptr) team_.Copy(rz, rh, count);
    team_.Each(count, [=](int64_t i) { rh[i] *= slope[i]; });
  }

  // R z_l = h v_W + R h W + v_b
  HEARTH_HOST_DEVICE void TangentLayer(int k, const Pass& pass, int l) {
    const int64_t rows = task_.support, width = out(l);
    const Real* lambda_weight = weight(task_.tail, l);
    const Real* lambda_bias = bias(task_.tail, l);
    Real* rz = r_.hidden[l];
    team_.Fill(rz, Real(0), rows * width);
    team_.Gemm(rz, rows, width, shape_.width[l], pass.hidden[l - 1], out(l - 1), 1, lambda_weight,
               Real(1));
    if (shape_.rate_gradient) {
      StoreRate(k, 2 * l, -Dot(rz, pass.delta[l], rows * width));
      StoreRate(k, 2 * l + 1, -BiasDot(lambda_bias, pass.delta[l], width));
    }
    const Real a_weight = rate(k, 2 * l), a_bias = rate(k, 2 * l + 1);
    team_.EachRow(rows, width, [=](int64_t r, int64_t j) {
      rz[r * width + j] = a_weight * rz[r * width + j] + a_bias * lambda_bias[j];
    });
    team_.Gemm(rz, rows, width, shape_.width[l], r_.hidden[l - 1], out(l - 1), 1,
               weight(pass.tail, l), Real(1));
  }

  // The output of several layers is a dot product with a vector; of one layer, column 0.
  HEARTH_HOST_DEVICE void TangentOutput(int k, const Pass& pass) {
    const int64_t rows = task_.support;
    Real* ry = r_.output_delta;
    if (last() == 0) {
      const Real* rz = r_.hidden[0];
      const int64_t width = out(0);
      team_.Each(rows, [=](int64_t r) { ry[r] = rz[r * width]; });
    } else {
      const int top = last() - 1;
      const Real lambda_bias = bias(task_.tail, last())[0];
      team_.RowDots(ry, pass.hidden[top], weight(task_.tail, last()), rows, out(top));
      if (shape_.rate_gradient) {
        const Real* dy = pass.output_delta;
        StoreRate(k, 2 * last(), -Dot(ry, dy, rows));
        const Real sum = team_.Sum(rows, [=](int64_t r) { return dy[r]; });
        StoreRate(k, 2 * last() + 1, -lambda_bias * sum);
      }
      const Real a_weight = rate(k, 2 * last());
      const Real shift = rate(k, 2 * last() + 1) * lambda_bias;
      Real* through = r_.row;
      team_.RowDots(through, r_.hidden[top], weight(pass.tail, last()), rows, out(top));
      team_.Each(rows, [=](int64_t r) { ry[r] = a_weight * ry[r] + shift + through[r]; });
    }
    const Real* curvature = pass.curvature;
    team_.Each(rows, [=](int64_t r) { ry[r] *= curvature[r]; });
  }

  // R of the backward pass: r_.delta and r_.output_delta become the R of those of the pass.
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
    team_.EachRow(rows, width, [=](int64_t r, int64_t j) {
      rd[r * width + j] = rdy[r] * w[j] + a * dy[r] * lambda[j];
    });
    TangentThroughActivation(pass, top);
    for (int l = top; l >= 1; --l) {
      const int64_t below = out(l - 1);
      team_.Transpose(r_.transposed[l], below, weight(task_.tail, l), out(l), shape_.width[l],
                      shape_.width[l + 1]);
      team_.Fill(r_.delta[l - 1], Real(0), rows * below);
      team_.Gemm(r_.delta[l - 1], rows, below, shape_.width[l + 1], pass.delta[l], out(l), 1,
                 r_.transposed[l], rate(k, 2 * l));
      team_.Gemm(r_.delta[l - 1], rows, below, shape_.width[l + 1], r_.delta[l], out(l), 1,
                 pass.transposed[l], Real(1));
      TangentThroughActivation(pass, l - 1);
    }
  }

  HEARTH_HOST_DEVICE void TangentThroughActivation(const Pass& pass, int l) {
    Real* rd = r_.delta[l];
    const Real *slope = pass.slope[l], *bend = pass.bend[l], *rz = r_.before[l];
    const int64_t count = task_.support * out(l);
    if (bend == nullptr) {
      team_.Each(count, [=](int64_t i) { rd[i] *= slope[i]; });
    } else {
      team_.Each(count, [=](int64_t i) { rd[i] = rd[i] * slope[i] + bend[i] * rz[i]; });
    }
  }

  // mixing[support, support] += R d_0 D_k' - a d_0 Es', with Es as it is before this step.
  HEARTH_HOST_DEVICE void MixStep(int k, const Pass& pass) {
    const int64_t s = task_.support, n = s + task_.query;
    if (k > 0) {  // before, there is no drift
      team_.GemmTransposed(task_.mixing, n, s, s, out(0), r_.delta[0], pass.drift, Real(1));
    }
    if (k + 1 < shape_.inner_steps) {  // Es is zero before the first step back
      team_.GemmTransposed(task_.mixing, n, s, s, out(0), pass.delta[0], task_.adjoint,
                           -rate(k, 0));
    }
  }

  // lambda -= H v, parameter by parameter; Es -= R d_0.
  HEARTH_HOST_DEVICE void UpdateAdjoint(const Pass& pass) {
    const int64_t rows = task_.support;
    Real* es = task_.adjoint;
    const Real* rd = r_.delta[0];
    team_.Each(rows * out(0), [=](int64_t i) { es[i] -= rd[i]; });
    team_.AddColumnSums(task_.tail, rd, out(0), rows, out(0), Real(-1));
    for (int l = 1; l < last(); ++l) {
      Real* lambda = task_.tail + shape_.weight_offset(l);
      team_.Gemm(lambda, shape_.width[l], out(l), rows, r_.hidden[l - 1], 1, out(l - 1),
                 pass.delta[l], Real(-1));
      team_.Gemm(lambda, shape_.width[l], out(l), rows, pass.hidden[l - 1], 1, out(l - 1),
                 r_.delta[l], Real(-1));
      team_.AddColumnSums(task_.tail + shape_.bias_offset(l), r_.delta[l], out(l), rows, out(l),
                          Real(-1));
    }
    if (last() == 0) return;
    Real* lambda = task_.tail + shape_.weight_offset(last());
    const int64_t width = out(last() - 1);
    const Real* rdy = r_.output_delta;
    team_.AddWeightedRows(lambda, r_.hidden[last() - 1], pass.output_delta, rows, width, Real(-1));
    team_.AddWeightedRows(lambda, pass.hidden[last() - 1], rdy, rows, width, Real(-1));
    const Real sum = team_.Sum(rows, [=](int64_t r) { return rdy[r]; });
    team_.AddTo(task_.tail + shape_.bias_offset(last()), -sum);
  }

  // The blocks of the mixing that join support and query: -Eq D_K' and, in second order, its
  // transpose.
  HEARTH_HOST_DEVICE void Mix() {
    const int64_t s = task_.support, q = task_.query, n = s + q;
    const Pass pass = work_.pass(shape_.inner_steps);
    Real* mixing = task_.mixing;
    team_.GemmTransposed(mixing + s * n, n, q, s, out(0), pass.delta[0], pass.drift, Real(-1));
    if (!shape_.second_order) return;
    team_.EachRow(s, q,
                  [=](int64_t i, int64_t j) { mixing[i * n + s + j] = mixing[(s + j) * n + i]; });
  }

  HeadShape shape_;
  HeadParameters<Real> parameters_;
  Team team_;
  HeadTask<Real> task_;
  HeadWorkspace<Real> work_;
  HeadTangent<Real> r_;
};

}  // namespace hearth

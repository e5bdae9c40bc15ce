#include "trainer/optimize/adam.h"

#include <cmath>

#include <ATen/Dispatch.h>
#include <ATen/TensorOperators.h>

#include "common/error.h"

namespace hearth {
namespace {

double BiasCorrection(double beta, int64_t count) { return 1.0 - std::pow(beta, count); }

template <typename Real>
struct Factors {
  Real keep1, take1, keep2, take2;
  Real unbias1, unbias2;  // bias corrections: the moments start at zero
  Real epsilon, rate_factor;
};

// The compiler vectorises this loop because of __restrict, and a function that is inlined loses
// __restrict; hence noinline.
template <typename Real>
[[gnu::noinline]] void StepElements(const Factors<Real> factors, int64_t size,
                                    const Real* __restrict gradient, const Real* __restrict rate,
                                    const Real* __restrict decay, Real* __restrict first,
                                    Real* __restrict second, Real* __restrict x) {
  for (int64_t i = 0; i < size; ++i) {
    const Real g = gradient[i];
    const Real m = first[i] * factors.keep1 + g * factors.take1;
    const Real v = second[i] * factors.keep2 + g * g * factors.take2;
    const Real update = m * factors.unbias1 / (std::sqrt(v * factors.unbias2) + factors.epsilon);
    first[i] = m;
    second[i] = v;
    x[i] -= rate[i] * factors.rate_factor * (update + decay[i] * x[i]);
  }
}

template <typename Real>
void StepAs(const AdamTensors& tensors, const AdamStep& step) {
  const auto rounded = [](double x) { return static_cast<Real>(x); };
  const Factors<Real> factors = {.keep1 = rounded(step.beta1),
                                 .take1 = rounded(1.0 - step.beta1),
                                 .keep2 = rounded(step.beta2),
                                 .take2 = rounded(1.0 - step.beta2),
                                 .unbias1 = rounded(1.0 / BiasCorrection(step.beta1, step.count)),
                                 .unbias2 = rounded(1.0 / BiasCorrection(step.beta2, step.count)),
                                 .epsilon = rounded(step.epsilon),
                                 .rate_factor = rounded(step.rate_factor)};
  StepElements(factors, tensors.parameters.numel(), tensors.gradient.const_data_ptr<Real>(),
               tensors.rate.const_data_ptr<Real>(), tensors.decay.const_data_ptr<Real>(),
               tensors.first_moment.mutable_data_ptr<Real>(),
               tensors.second_moment.mutable_data_ptr<Real>(),
               tensors.parameters.mutable_data_ptr<Real>());
}

}  // namespace

void StepAdamOnHost(const AdamTensors& tensors, const AdamStep& step) {
  for (const at::Tensor& tensor : {tensors.parameters, tensors.first_moment, tensors.second_moment,
                                   tensors.gradient, tensors.rate, tensors.decay}) {
    HEARTH_CHECK(tensor.is_cpu() && tensor.is_contiguous());
    HEARTH_CHECK(tensor.numel() == tensors.parameters.numel(), "{} elements of {}", tensor.numel(),
                 tensors.parameters.numel());
  }
  AT_DISPATCH_FLOATING_TYPES(tensors.parameters.scalar_type(), "StepAdamOnHost",
                             [&] { StepAs<scalar_t>(tensors, step); });
}

void StepAdamByTensors(const AdamTensors& tensors, const AdamStep& step) {
  const at::Tensor& gradient = tensors.gradient;
  tensors.first_moment.mul_(step.beta1).add_(gradient, 1.0 - step.beta1);
  tensors.second_moment.mul_(step.beta2).addcmul_(gradient, gradient, 1.0 - step.beta2);
  const at::Tensor scale = tensors.second_moment / BiasCorrection(step.beta2, step.count);
  scale.sqrt_().add_(step.epsilon);
  const at::Tensor update = tensors.first_moment / BiasCorrection(step.beta1, step.count);
  update.div_(scale).addcmul_(tensors.decay, tensors.parameters);
  tensors.parameters.addcmul_(tensors.rate, update, -step.rate_factor);
}

}  // namespace hearth

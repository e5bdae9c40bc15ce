#include "trainer/optimize/adam.h"

#include <cmath>

#include <ATen/Dispatch.h>
#include <ATen/TensorOperators.h>

#include "common/error.h"

namespace hearth {
namespace {

double BiasCorrection(double beta, int64_t count) {
  return 1.0 - std::pow(beta, static_cast<double>(count));
}

template <typename Real>
struct Factors {
  Real keep1, take1, keep2, take2;
  Real unbias1, unbias2;  // of the moments, which start at zero
  Real epsilon, rate_factor;
};

// Vectorised, if its arguments are its own: a function that is not inlined keeps what they promise.
template <typename Real>
[[gnu::noinline]] void StepElements(const Factors<Real> of_step, int64_t size,
                                    const Real* __restrict gradient, const Real* __restrict rate,
                                    const Real* __restrict decay, Real* __restrict first,
                                    Real* __restrict second, Real* __restrict x) {
  for (int64_t i = 0; i < size; ++i) {
    const Real g = gradient[i];
    const Real m = first[i] * of_step.keep1 + g * of_step.take1;
    const Real v = second[i] * of_step.keep2 + g * g * of_step.take2;
    const Real update = m * of_step.unbias1 / (std::sqrt(v * of_step.unbias2) + of_step.epsilon);
    first[i] = m;
    second[i] = v;
    x[i] -= rate[i] * of_step.rate_factor * (update + decay[i] * x[i]);
  }
}

template <typename Real>
void StepAs(const AdamTensors& tensors, const AdamStep& step) {
  const Factors<Real> factors = {
      .keep1 = static_cast<Real>(step.beta1),
      .take1 = static_cast<Real>(1.0 - step.beta1),
      .keep2 = static_cast<Real>(step.beta2),
      .take2 = static_cast<Real>(1.0 - step.beta2),
      .unbias1 = static_cast<Real>(1.0 / BiasCorrection(step.beta1, step.count)),
      .unbias2 = static_cast<Real>(1.0 / BiasCorrection(step.beta2, step.count)),
      .epsilon = static_cast<Real>(step.epsilon),
      .rate_factor = static_cast<Real>(step.rate_factor)};
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

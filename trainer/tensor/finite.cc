#include "trainer/tensor/finite.h"

#include <span>

#include "common/error.h"
#include "common/finite.h"

namespace hearth {

bool IsFinite(const at::Tensor& tensor) {
  HEARTH_CHECK(tensor.is_cpu() && tensor.is_contiguous());
  if (tensor.scalar_type() == at::kDouble) {
    return AllFinite(std::span(tensor.const_data_ptr<double>(), tensor.numel()));
  }
  return AllFinite(std::span(tensor.const_data_ptr<float>(), tensor.numel()));
}

}  // namespace hearth

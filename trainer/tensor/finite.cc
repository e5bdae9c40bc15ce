#include "trainer/tensor/finite.h"

#include <bit>
#include <cstdint>

#include "common/error.h"

namespace hearth {
namespace {

// What is not finite has all bits of the exponent set. No early end, so that it vectorises.
template <typename Bits, typename Real>
bool AllFinite(const Real* values, int64_t count, Bits exponent) {
  Bits bad = 0;
  for (int64_t i = 0; i < count; ++i) {
    bad |= static_cast<Bits>((std::bit_cast<Bits>(values[i]) & exponent) == exponent);
  }
  return bad == 0;
}

}  // namespace

bool IsFinite(const at::Tensor& tensor) {
  HEARTH_CHECK(tensor.is_cpu() && tensor.is_contiguous());
  if (tensor.scalar_type() == at::kDouble) {
    return AllFinite<uint64_t>(tensor.const_data_ptr<double>(), tensor.numel(),
                               0x7ff0'0000'0000'0000ull);
  }
  return AllFinite<uint32_t>(tensor.const_data_ptr<float>(), tensor.numel(), 0x7f80'0000u);
}

}  // namespace hearth

#include "trainer/table/state_array.h"

#include <ATen/ops/from_blob.h>

namespace hearth {

StateDomain DenseDomain(int64_t row_count) {
  return {.kind = StateDomain::Kind::kDense, .row_count = row_count, .held = {0, row_count}};
}

at::Tensor ViewOf(std::vector<int64_t>& values) {
  return at::from_blob(values.data(), {std::ssize(values)}, at::TensorOptions().dtype(at::kLong));
}

}  // namespace hearth

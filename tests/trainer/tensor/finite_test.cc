#include "trainer/tensor/finite.h"

#include <limits>

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

template <typename Real>
void ExpectFinds(at::ScalarType type, Real bad) {
  // Tests every place, because the loop checks several elements at a time.
  for (int64_t i = 0; i < 37; ++i) {
    at::Tensor tensor = at::zeros({37}, at::TensorOptions().dtype(type));
    EXPECT_TRUE(IsFinite(tensor));
    tensor.mutable_data_ptr<Real>()[i] = bad;
    EXPECT_FALSE(IsFinite(tensor)) << i;
  }
}

TEST(Finite, FindsWhatIsNotFiniteAnywhere) {
  ExpectFinds<float>(at::kFloat, std::numeric_limits<float>::quiet_NaN());
  ExpectFinds<float>(at::kFloat, -std::numeric_limits<float>::infinity());
  ExpectFinds<double>(at::kDouble, -std::numeric_limits<double>::quiet_NaN());
  ExpectFinds<double>(at::kDouble, std::numeric_limits<double>::infinity());
}

TEST(Finite, AcceptsTheLargestAndTheSmallestNumbers) {
  at::Tensor tensor = at::zeros({4}, at::TensorOptions().dtype(at::kFloat));
  auto* values = tensor.mutable_data_ptr<float>();
  values[0] = std::numeric_limits<float>::max();
  values[1] = std::numeric_limits<float>::lowest();
  values[2] = std::numeric_limits<float>::denorm_min();
  EXPECT_TRUE(IsFinite(tensor));
  EXPECT_TRUE(IsFinite(at::zeros({0}))) << "nothing is finite";
}

}  // namespace
}  // namespace hearth

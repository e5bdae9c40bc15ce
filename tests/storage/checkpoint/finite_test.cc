#include "storage/checkpoint/finite.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace hearth {
namespace {

template <typename Real>
void FindsEachAtEveryPlace() {
  using Limits = std::numeric_limits<Real>;
  std::vector<Real> values = {0, -0.0, Limits::max(), Limits::lowest(), Limits::denorm_min()};
  values.resize(9001, Real{1});  // blocks of 4096 and a rest
  EXPECT_EQ(FirstNonFinite(values.data(), std::ssize(values)), -1);
  EXPECT_EQ(FirstNonFinite(values.data(), 0), -1);
  for (const Real bad :
       {Limits::quiet_NaN(), -Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    for (const size_t place : {0, 1, 7, 4095, 4096, 8191, 8192, 9000}) {
      std::vector<Real> spoilt = values;
      spoilt[place] = bad;
      spoilt.back() = bad;
      EXPECT_EQ(FirstNonFinite(spoilt.data(), std::ssize(spoilt)), static_cast<int64_t>(place));
    }
  }
}

TEST(FirstNonFinite, FindsEachKindAtEveryPlace) {
  FindsEachAtEveryPlace<float>();
  FindsEachAtEveryPlace<double>();
}

}  // namespace
}  // namespace hearth

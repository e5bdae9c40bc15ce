#include "common/finite.h"

#include <limits>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace hearth {
namespace {

template <typename Real>
void NoticesEachAtEveryPlace() {
  using Limits = std::numeric_limits<Real>;
  std::vector<Real> values = {0, -0.0, Limits::max(), Limits::lowest(), Limits::denorm_min()};
  values.resize(37, Real{1});  // several vectors and a rest
  const std::span<const Real> all = values;
  for (size_t count = 0; count <= values.size(); ++count) {
    EXPECT_TRUE(AllFinite(all.first(count))) << count;
  }
  for (const Real bad : {Limits::quiet_NaN(), -Limits::quiet_NaN(), Limits::signaling_NaN(),
                         Limits::infinity(), -Limits::infinity()}) {
    for (size_t place = 0; place < values.size(); ++place) {
      std::vector<Real> spoilt = values;
      spoilt[place] = bad;
      const std::span<const Real> seen = spoilt;
      EXPECT_FALSE(AllFinite(seen)) << bad << " at " << place;
      EXPECT_TRUE(AllFinite(seen.first(place))) << bad << " at " << place;
    }
  }
}

TEST(AllFinite, NoticesEachKindAtEveryPlaceOfFloats) { NoticesEachAtEveryPlace<float>(); }
TEST(AllFinite, NoticesEachKindAtEveryPlaceOfDoubles) { NoticesEachAtEveryPlace<double>(); }

}  // namespace
}  // namespace hearth

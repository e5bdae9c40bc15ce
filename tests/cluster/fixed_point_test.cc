#include "cluster/fixed_point.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "common/random.h"

namespace hearth {
namespace {

constexpr double kHuge = std::numeric_limits<double>::max();
constexpr double kTiny = std::numeric_limits<double>::denorm_min();

TEST(FixedPoint, GivesBackEveryFloatNearTheLargest) {
  RandomStream random(1, Purpose::kTest);
  for (int i = 0; i < 10000; ++i) {
    const double magnitude = std::ldexp(1.0, static_cast<int>(random.NextBelow(30)) - 30);
    const float value = static_cast<float>((1 + random.NextDouble()) / 2 * magnitude);
    const FixedPoint fixed(1.0, 64);
    EXPECT_EQ(fixed.ToReal<float>(fixed.FromReal(double{value})), value);
    EXPECT_EQ(fixed.ToReal<float>(fixed.FromReal(-double{value})), -value);
  }
}

TEST(FixedPoint, RoundingErrsByAtMostHalfTheDocumentedUnit) {
  RandomStream random(2, Purpose::kTest);
  for (const double largest : {1.0, 0.3, 1e-30, 1e200, kHuge}) {
    for (const int64_t terms : {1, 2, 3, 100, 1 << 20}) {
      const FixedPoint fixed(largest, terms);
      for (int i = 0; i < 100; ++i) {
        const double value = (2 * random.NextDouble() - 1) * largest;
        const double error = std::abs(fixed.ToReal<double>(fixed.FromReal(value)) - value);
        const double unit = std::ldexp(largest, -60) * static_cast<double>(terms);
        // ToReal rounds to double once more.
        EXPECT_LE(error, unit / 2 + std::abs(value) * 0x1p-53) << largest << " " << terms;
      }
    }
  }
}

TEST(FixedPoint, RoundsLikeLlrintTiesToEven) {
  const FixedPoint units(0x1.fffffffffffffp61, 1);  // unit 1
  for (const double value :
       {0.0, 0.5, 1.5, 2.5, 0x1p30 - 0.5, 0x1p30 + 0.5, 0x1p31 - 0.5, 0x1p31 + 0.5, 3 * 0x1p30,
        0x1p51 + 0.5, 0x1p53 - 1, 0x1p60 + 0x1p8, 0x1.fffffffffffffp61}) {
    EXPECT_EQ(units.FromReal(value), std::llrint(value)) << value;
    EXPECT_EQ(units.FromReal(-value), std::llrint(-value)) << -value;
  }
  RandomStream random(3, Purpose::kTest);
  for (int i = 0; i < 100000; ++i) {
    const double magnitude = std::ldexp(1.0, static_cast<int>(random.NextBelow(64)) - 2);
    const double value = (2 * random.NextDouble() - 1) * magnitude;
    EXPECT_EQ(units.FromReal(value), std::llrint(value)) << value;
  }
}

TEST(FixedPoint, SumOfAllTermsAtTheLargestDoesNotOverflow) {
  for (const double largest : {std::nextafter(1.0, 0.0), 1.0, std::nextafter(2.0, 0.0), kTiny}) {
    for (const int64_t terms : {1, 2, 3, 4, 5, 7, 8, 1023, 1024, 1025}) {
      const FixedPoint fixed(largest, terms);
      const __int128 sum = static_cast<__int128>(fixed.FromReal(-largest)) * terms;
      EXPECT_GE(sum, std::numeric_limits<int64_t>::min()) << largest << " " << terms;
      EXPECT_DOUBLE_EQ(fixed.ToReal<double>(static_cast<int64_t>(sum)),
                       -largest * static_cast<double>(terms));
    }
  }
}

TEST(FixedPoint, KeepsZerosDenormalsAndTheEndsOfTheRange) {
  const FixedPoint zero(0.0, 0);
  EXPECT_EQ(zero.ToReal<double>(zero.FromReal(0.0)), 0.0);
  const FixedPoint tiny(kTiny, 4);
  EXPECT_EQ(tiny.ToReal<double>(3 * tiny.FromReal(kTiny)), 3 * kTiny);
  const FixedPoint huge(kHuge, 1);
  EXPECT_EQ(huge.ToReal<double>(huge.FromReal(-kHuge)), -kHuge);
  EXPECT_EQ(huge.FromReal(kTiny), 0);
  const float float_tiny = std::numeric_limits<float>::denorm_min();
  const FixedPoint small(double{float_tiny}, 2);
  EXPECT_EQ(small.ToReal<float>(2 * small.FromReal(double{float_tiny})), 2 * float_tiny);
}

TEST(FixedPoint, SumBeyondTheRangeOfFloatIsInfinite) {
  const double largest = double{std::numeric_limits<float>::max()};
  const FixedPoint fixed(largest, 2);
  EXPECT_EQ(fixed.ToReal<float>(2 * fixed.FromReal(largest)),
            std::numeric_limits<float>::infinity());
}

TEST(FixedPoint, RoundsASumToFloatOnce) {
  // 1 + 2^-24 + 2^-60 is above the tie and must go up; by way of double it would be a tie.
  const FixedPoint fixed(1.0, 1);
  const int64_t sum = fixed.FromReal(1.0) + fixed.FromReal(0x1p-24) + fixed.FromReal(0x1p-60);
  EXPECT_EQ(fixed.ToReal<float>(sum), std::nextafter(1.0f, 2.0f));
}

}  // namespace
}  // namespace hearth

#include "storage/checkpoint/array.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace hearth {
namespace {

template <typename Real>
void FindsEachInEveryRow() {
  using Limits = std::numeric_limits<Real>;
  constexpr int64_t kWidth = 3;
  std::vector<Real> values = {0, -0.0, Limits::max(), Limits::lowest(), Limits::denorm_min()};
  values.resize(9003, Real{1});  // the values are tested in blocks of 4096
  const int64_t row_count = std::ssize(values) / kWidth;
  const ArraySpec spec{ColumnTypeOf<Real>(), {row_count, kWidth}};
  EXPECT_EQ(FirstNonFiniteRow(spec, row_count, values.data()), -1);
  EXPECT_EQ(FirstNonFiniteRow(spec, 0, nullptr), -1);
  for (const Real bad :
       {Limits::quiet_NaN(), -Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    for (const int64_t place : {0, 1, 7, 4095, 4096, 8191, 8192, 9002}) {
      std::vector<Real> spoilt = values;
      spoilt[place] = bad;
      spoilt.back() = bad;
      EXPECT_EQ(FirstNonFiniteRow(spec, row_count, spoilt.data()), place / kWidth);
    }
  }
}

TEST(FirstNonFiniteRow, FindsEachKindInEveryRow) {
  FindsEachInEveryRow<float>();
  FindsEachInEveryRow<double>();
}

TEST(FirstNonFiniteRow, FindsNoneInIntegers) {
  const std::vector<int32_t> values(8, std::numeric_limits<int32_t>::min());
  EXPECT_EQ(FirstNonFiniteRow({ColumnType::kInt32, {4, 2}}, 4, values.data()), -1);
}

}  // namespace
}  // namespace hearth

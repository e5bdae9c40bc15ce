#include "trainer/table/row_update.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/random.h"
#include "trainer/table/row_lanes.h"

namespace hearth {
namespace {

using ::testing::Each;

// One lane of several; the test plays them one after the other.
template <int kLaneCount, int kPackSize>
struct LaneOf {
  static constexpr int kLanes = kLaneCount;
  static constexpr int kPack = kPackSize;
  static constexpr bool kAligned = false;
  int lane;
  int index() const { return lane; }
};

template <int kLaneCount, int kPackSize>
void ExpectLanesShareARow() {
  for (int64_t dim = 0; dim <= 3 * kLaneCount * kPackSize + 1; ++dim) {
    SCOPED_TRACE(fmt::format("{} lanes, packs of {}, dim {}", kLaneCount, kPackSize, dim));
    std::vector<int> visits(dim, 0);
    std::vector<double> row(dim), copy(dim + 1, -1.0);
    for (int64_t i = 0; i < dim; ++i) row[i] = static_cast<double>(i);
    for (int lane = 0; lane < kLaneCount; ++lane) {
      const LaneOf<kLaneCount, kPackSize> lanes{lane};
      row_lanes::VisitPacks(lanes, dim, [&](int64_t i, auto access) {
        EXPECT_TRUE(access.kSize == 1 || i % kPackSize == 0) << "a pack begins at " << i;
        for (int j = 0; j < access.kSize; ++j) ++visits[i + j];
      });
      CopyRow(lanes, row.data(), dim, copy.data());
    }
    EXPECT_THAT(visits, Each(1));
    EXPECT_TRUE(std::equal(row.begin(), row.end(), copy.begin()));
    EXPECT_EQ(copy.back(), -1.0) << "behind the row";
  }
}

TEST(RowLanes, ShareEveryElementOfARowOnce) {
  ExpectLanesShareARow<1, 1>();
  ExpectLanesShareARow<1, 8>();
  ExpectLanesShareARow<4, 1>();
  ExpectLanesShareARow<4, 2>();
  ExpectLanesShareARow<3, 4>();
}

// A table in memory of its own, between two rows that belong to nobody.
template <typename Real>
struct GuardedTable {
  static constexpr Real kGuard = 12345;

  GuardedTable(int64_t count, int64_t row_dim) : row_count(count), dim(row_dim) {
    RandomStream random(3, Purpose::kTest, row_dim);
    for (std::vector<Real>* values : {&rows, &first}) {
      values->assign(dim, kGuard);
      for (int64_t i = 0; i < count * dim; ++i) {
        values->push_back(static_cast<Real>(values == &rows ? random.NextNormal() : 0.0));
      }
      values->insert(values->end(), dim, kGuard);
    }
    state.assign(2 * count + 4, 0);
    for (const int64_t i : {int64_t{0}, int64_t{1}, 2 * count + 2, 2 * count + 3}) {
      state[i] = kGuard;
    }
  }

  TableMemory<Real> memory(TableOptimizer optimizer) {
    Real* const moments = optimizer == TableOptimizer::kAdam ? first.data() + dim : nullptr;
    return {rows.data() + dim, moments, state.data() + 2, dim};
  }
  Real at(int64_t row, int64_t i) const { return rows[(row + 1) * dim + i]; }
  Real second(int64_t row) const { return state[2 * row + 2]; }
  Real age(int64_t row) const { return state[2 * row + 3]; }
  void ExpectGuardsStand() const {
    for (const std::vector<Real>* values : {&rows, &first}) {
      EXPECT_THAT(std::vector<Real>(values->begin(), values->begin() + dim), Each(kGuard));
      EXPECT_THAT(std::vector<Real>(values->end() - dim, values->end()), Each(kGuard));
    }
    EXPECT_EQ(state.front(), kGuard);
    EXPECT_EQ(state.back(), kGuard);
  }

  int64_t row_count, dim;
  std::vector<Real> rows, first, state;
};

template <typename Real>
std::vector<Real> RandomValues(int64_t count, uint64_t number) {
  RandomStream random(4, Purpose::kTest, number);
  std::vector<Real> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<Real>(random.NextNormal()));
  return values;
}

constexpr TableOptimizer kBoth[] = {TableOptimizer::kAdam, TableOptimizer::kAdagrad};

TEST(RowUpdate, GathersAnyNumberOfRowsInAnyOrder) {
  for (const int64_t dim : {1, 5, 8, 13}) {
    const GuardedTable<float> table(50, dim);
    for (const int64_t count : {0, 1, 15, 16, 17, 33, 120}) {
      SCOPED_TRACE(fmt::format("{} rows of {}", count, dim));
      RandomStream random(5, Purpose::kTest, count);
      std::vector<int64_t> ids;
      for (int64_t i = 0; i < count; ++i) {
        ids.push_back(static_cast<int64_t>(random.NextBelow(50)));
      }
      std::vector<float> out(count * dim + 1, -1.0f);
      GatherRows(table.rows.data() + dim, dim, std::span<const int64_t>(ids), out.data());
      for (int64_t i = 0; i < count * dim; ++i) {
        ASSERT_EQ(out[i], table.at(ids[i / dim], i % dim)) << i;
      }
      EXPECT_EQ(out.back(), -1.0f) << "behind the rows";
    }
  }
}

// A constant gradient has a closed form. The moments of Adam, corrected for the age of the row, are
// the gradient and its mean square, whatever the age.
TEST(RowUpdate, RowsOfDifferentAgesMoveByTheirOwnNumberOfSteps) {
  constexpr double kLr = 0.01;
  for (const int64_t dim : {1, 7, 8, 16, 31, 32, 64, 65}) {
    for (const TableOptimizer optimizer : kBoth) {
      SCOPED_TRACE(fmt::format("dim {}, optimizer {}", dim, static_cast<int>(optimizer)));
      GuardedTable<double> table(6, dim);
      const GuardedTable<double> before = table;
      const std::vector<double> gradient = RandomValues<double>(dim, dim);
      double square = 0.0;
      for (const double g : gradient) square += g * g / static_cast<double>(dim);
      const std::vector<int64_t> ages = {1, 0, 300, 2, 17, 0};  // [row]
      for (int64_t step = 0; step < 300; ++step) {
        std::vector<int64_t> named;
        std::vector<double> gradients;
        for (const int64_t row : {4, 0, 3, 2}) {  // the first and the last one, too
          if (step >= ages[row]) continue;
          named.push_back(row);
          gradients.insert(gradients.end(), gradient.begin(), gradient.end());
        }
        StepRows(table.memory(optimizer), std::span<const int64_t>(named), gradients.data(),
                 {.optimizer = optimizer, .lr = kLr});
      }
      for (int64_t row = 0; row < 6; ++row) {
        double path = 0.0;  // sum of the rates
        for (int64_t k = 1; k <= ages[row]; ++k) {
          const double sum = optimizer == TableOptimizer::kAdam ? 1.0 : static_cast<double>(k);
          path += kLr / (std::sqrt(sum * square) + 1e-8);
        }
        for (int64_t i = 0; i < dim; ++i) {
          EXPECT_NEAR(table.at(row, i), before.at(row, i) - path * gradient[i], 1e-11) << row;
        }
        EXPECT_EQ(table.age(row), static_cast<double>(ages[row]));
      }
      table.ExpectGuardsStand();
    }
  }
}

TEST(RowUpdate, PullToZeroOfAdagradFollowsTheRecurrence) {
  constexpr double kLr = 0.3, kL2 = 0.5;
  for (const int64_t dim : {3, 8, 20}) {
    GuardedTable<double> table(1, dim);
    std::vector<double> x(table.rows.begin() + dim, table.rows.end() - dim);
    double second = 0.0;
    const std::vector<int64_t> named = {0};
    for (uint64_t step = 0; step < 20; ++step) {
      const std::vector<double> gradient = RandomValues<double>(dim, step);
      StepRows(table.memory(TableOptimizer::kAdagrad), std::span<const int64_t>(named),
               gradient.data(), {.optimizer = TableOptimizer::kAdagrad, .lr = kLr, .l2 = kL2});
      std::vector<double> total(dim);
      for (int64_t i = 0; i < dim; ++i) total[i] = gradient[i] + kL2 * x[i];
      for (const double g : total) second += g * g / static_cast<double>(dim);
      for (int64_t i = 0; i < dim; ++i) x[i] -= kLr * total[i] / (std::sqrt(second) + 1e-8);
    }
    for (int64_t i = 0; i < dim; ++i) EXPECT_NEAR(table.at(0, i), x[i], 1e-12);
    EXPECT_NEAR(table.second(0), second, 1e-12 * second);
  }
}

// Steps 70 rows of 90 at once, and one after the other from the last to the first.
template <typename Real>
void ExpectRowsStepAlone(TableOptimizer optimizer, int64_t dim, bool as_groups) {
  constexpr int64_t kRows = 90, kNamed = 70;
  GuardedTable<Real> together(kRows, dim), apart(kRows, dim);
  const RowStep settings = {.optimizer = optimizer, .lr = 0.1, .l2 = 0.01};
  const auto step_rows = [&](GuardedTable<Real>& table, std::span<const int64_t> named,
                             const Real* gradient) {
    if (as_groups) {
      StepRows(table.memory(optimizer), IdGroups(named), gradient, settings);
    } else {
      StepRows(table.memory(optimizer), named, gradient, settings);
    }
  };
  for (uint64_t step = 0; step < 3; ++step) {
    const std::vector<int64_t> named =
        SampleWithoutReplacement(kRows, kNamed, RandomStream(6, Purpose::kTest, step));
    const std::vector<Real> gradient = RandomValues<Real>(kNamed * dim, step);
    step_rows(together, named, gradient.data());
    for (int64_t i = kNamed - 1; i >= 0; --i) {
      step_rows(apart, std::span(named).subspan(i, 1), gradient.data() + i * dim);
    }
  }
  EXPECT_EQ(together.rows, apart.rows);
  EXPECT_EQ(together.first, apart.first);
  EXPECT_EQ(together.state, apart.state);
  together.ExpectGuardsStand();
}

TEST(RowUpdate, BitsOfARowDoNotDependOnTheOtherRowsOfTheBatch) {
  for (const TableOptimizer optimizer : kBoth) {
    for (const int64_t dim : {1, 8, 11, 16, 32, 64}) {
      SCOPED_TRACE(fmt::format("dim {}, optimizer {}", dim, static_cast<int>(optimizer)));
      for (const bool as_groups : {false, true}) {
        ExpectRowsStepAlone<float>(optimizer, dim, as_groups);
        ExpectRowsStepAlone<double>(optimizer, dim, as_groups);
      }
    }
  }
}

// A float counts to 2^24. From there on the age stands still, and the corrections are 1.
TEST(RowUpdate, AgeAtTheEndOfAFloatIsNoTrouble) {
  GuardedTable<float> table(1, 2);
  table.rows[2] = table.rows[3] = 1.0f;
  table.state[2] = 4.0f;
  table.state[3] = 0x1p24f;
  const std::vector<float> gradient = {2.0f, -2.0f};  // the mean square is the second moment
  const std::vector<int64_t> named = {0};
  StepRows(table.memory(TableOptimizer::kAdam), std::span<const int64_t>(named), gradient.data(),
           {.lr = 0.1});
  EXPECT_EQ(table.age(0), 0x1p24f);
  EXPECT_NEAR(table.second(0), 4.0, 1e-5);
  EXPECT_NEAR(table.at(0, 0), 1.0 - 0.1 * 0.1 * 2.0 / 2.0, 1e-6);
  EXPECT_NEAR(table.at(0, 1), 1.0 + 0.1 * 0.1 * 2.0 / 2.0, 1e-6);
}

}  // namespace
}  // namespace hearth

#include "trainer/table/row_step.h"

#include <barrier>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "common/random.h"

namespace hearth {
namespace {

constexpr int kGroup = 4;

// The state that the lanes of a row share; here each lane is a thread of the host.
struct SharedState {
  std::barrier<> barrier{kGroup};
  double terms[kGroup] = {};
};

template <int kPackSize, bool kIsAligned>
struct ThreadLanes {
  static constexpr int kLanes = kGroup;
  static constexpr int kPack = kPackSize;
  static constexpr bool kAligned = kIsAligned;
  int lane;
  SharedState* shared;

  int index() const { return lane; }
  double Sum(double x) const {
    shared->terms[lane] = x;
    shared->barrier.arrive_and_wait();
    double sum = 0.0;
    for (const double term : shared->terms) sum += term;
    shared->barrier.arrive_and_wait();
    return sum;
  }
};

struct Table {
  explicit Table(int64_t row_dim) : dim(row_dim) {
    RandomStream random(1, Purpose::kTest, dim);
    for (std::vector<double>* values : {&rows, &first}) {
      for (int64_t i = 0; i < 2 * dim; ++i) values->push_back(random.NextNormal());
    }
    for (int64_t i = 0; i < 5 * dim; ++i) gradient.push_back(random.NextNormal());
  }
  TableMemory<double> memory() { return {rows.data(), first.data(), state.data(), dim}; }
  RowGradients<double> gradients(int64_t count) const { return {gradient.data(), kPlaces, count}; }

  static constexpr int64_t kPlaces[] = {4, 0, 3};
  int64_t dim;
  std::vector<double> rows, first;                 // [2, dim]
  std::vector<double> gradient;                    // [5, dim]
  std::vector<double> state = {0.5, 0, 0.25, 12};  // [2, 2] second moment, age
};

// Steps row 1 by the gradients of the first `count` places, and then copies row 0.
template <typename Lanes>
void StepOnThreads(Table& table, const RowStep& step, int64_t count, std::vector<double>& copy) {
  SharedState shared;
  std::vector<double> sum(table.dim);
  std::vector<std::jthread> threads;
  for (int lane = 0; lane < kGroup; ++lane) {
    threads.emplace_back([&, lane] {
      const Lanes lanes{lane, &shared};
      StepRow(lanes, table.memory(), 1, table.gradients(count), step, sum.data());
      CopyRow(lanes, table.rows.data(), table.dim, copy.data());
    });
  }
}

template <typename Lanes>
void ExpectLanesAgree(int64_t dim, TableOptimizer optimizer, int64_t count) {
  const RowStep step = {.optimizer = optimizer, .lr = 0.1, .l2 = 0.02};
  Table one(dim), several(dim);
  std::vector<double> sum(dim);
  for (int64_t k = 0; k < count; ++k) {
    const double* row = one.gradient.data() + Table::kPlaces[k] * dim;
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += row[i];
  }
  StepRow(OneLane(), one.memory(), 1, sum.data(), step);
  std::vector<double> copy(dim, -1.0);
  StepOnThreads<Lanes>(several, step, count, copy);
  for (size_t i = 0; i < one.rows.size(); ++i) {
    EXPECT_NEAR(several.rows[i], one.rows[i], 1e-14) << i;
    EXPECT_NEAR(several.first[i], one.first[i], 1e-14) << i;
  }
  for (size_t i = 0; i < copy.size(); ++i) EXPECT_EQ(copy[i], several.rows[i]);
  EXPECT_EQ(several.state[0], 0.5);
  EXPECT_EQ(several.state[1], 0);
  EXPECT_NEAR(several.state[2], one.state[2], 1e-14);
  EXPECT_EQ(several.state[3], 13);
}

class RowStepOfEveryOptimizer : public ::testing::TestWithParam<TableOptimizer> {};
INSTANTIATE_TEST_SUITE_P(RowStep, RowStepOfEveryOptimizer,
                         ::testing::Values(TableOptimizer::kAdam, TableOptimizer::kAdagrad),
                         [](const auto& test) {
                           return test.param == TableOptimizer::kAdam ? "Adam" : "Adagrad";
                         });

TEST_P(RowStepOfEveryOptimizer, SeveralLanesDoWhatOneDoesWithTheSumOfTheGradients) {
  for (const int64_t count : {1, 2, 3}) {
    for (const int64_t dim : {1, 3, 7, 9, 32}) {
      SCOPED_TRACE(dim);
      ExpectLanesAgree<ThreadLanes<1, false>>(dim, GetParam(), count);
      ExpectLanesAgree<ThreadLanes<2, false>>(dim, GetParam(), count);
    }
    for (const int64_t dim : {2, 8, 34}) {
      SCOPED_TRACE(dim);
      ExpectLanesAgree<ThreadLanes<2, true>>(dim, GetParam(), count);
    }
  }
}

TEST(RowStep, PowersAgreeWithPow) {
  for (const double base : {0.9, 0.999}) {
    for (const int64_t exponent : {0, 1, 2, 3, 10, 1000, 123457, 1 << 24}) {
      const double expected = std::pow(base, static_cast<double>(exponent));
      EXPECT_NEAR(row_step::Power(base, exponent), expected, 1e-10 * expected + 1e-300)
          << base << "^" << exponent;
    }
  }
}

}  // namespace
}  // namespace hearth

#include "trainer/gradient/device_math.h"

#include <new>

#include <gtest/gtest.h>

#include "common/random.h"
#include "tests/trainer/support/thread_lanes.h"
#include "trainer/gradient/host_math.h"

namespace hearth {
namespace {

// Random numbers with the alignment of a task's memory.
class Numbers {
 public:
  explicit Numbers(int64_t count, uint64_t seed = 0) : blocks_(count / 8 + 1) {
    RandomStream random(1, Purpose::kTest, seed, count);
    for (int64_t i = 0; i < count; ++i) data()[i] = random.NextNormal();
  }
  double* data() { return blocks_.front().values; }
  const double* data() const { return blocks_.front().values; }
  int64_t size() const { return std::ssize(blocks_) * 8; }

 private:
  struct alignas(64) Block {
    double values[8] = {};
  };
  std::vector<Block> blocks_;
};

// Expects that work(math, result) leaves the same result on many lanes as on one thread.
template <typename Work>
void ExpectLanesMatchOneThread(int64_t size, const Work& work) {
  const Numbers start(size, 99);
  Numbers expected = start;
  work(HostMath<double>(), expected.data());
  for (const int count : {2, 6, 32}) {
    Numbers actual = start, again = start;
    for (Numbers* result : {&actual, &again}) {
      ThreadLanes::Run(count, [&](const ThreadLanes& lanes) {
        work(DeviceMath<double, ThreadLanes>(lanes), result->data());
      });
    }
    for (int64_t i = 0; i < start.size(); ++i) {
      ASSERT_NEAR(actual.data()[i], expected.data()[i], 1e-13) << count << " lanes, element " << i;
      ASSERT_EQ(actual.data()[i], again.data()[i]) << count << " lanes, element " << i;
    }
  }
}

constexpr int64_t kRowCounts[] = {0, 1, 3, 8, 21};

TEST(DeviceMath, ProductsAreThoseOfOneThread) {
  for (const int64_t m : kRowCounts) {
    for (const int64_t k : {0, 7, 16}) {
      for (const int64_t n : {16, 48}) {
        SCOPED_TRACE(::testing::Message() << m << " x " << k << " x " << n);
        const Numbers a(m * k, 1), b(k * n, 2);
        ExpectLanesMatchOneThread(m * n, [&](const auto& math, double* c) {
          math.Gemm(c, m, n, k, a.data(), k, 1, b.data(), 0.7);
        });
        ExpectLanesMatchOneThread(m * n, [&](const auto& math, double* c) {
          math.Gemm(c, m, n, k, a.data(), 1, m, b.data(), -1.0);
        });
      }
    }
  }
}

TEST(DeviceMath, TransposedProductsAreThoseOfOneThread) {
  for (const int64_t m : kRowCounts) {
    for (const int64_t n : kRowCounts) {
      for (const int64_t k : {0, 32}) {
        SCOPED_TRACE(::testing::Message() << m << " x " << k << " x " << n);
        const Numbers a(m * k, 1), b(n * k, 2);
        const int64_t c_row = n + 3;
        ExpectLanesMatchOneThread(m * c_row, [&](const auto& math, double* c) {
          math.GemmTransposed(c, c_row, m, n, k, a.data(), b.data(), 0.7);
        });
      }
    }
  }
}

TEST(DeviceMath, TransposesWithZerosBeyondTheRows) {
  for (const int64_t rows : {1, 5, 16, 17}) {
    for (const int64_t columns : {1, 6, 16}) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << columns);
      const int64_t to_width = (rows + 15) / 16 * 16;
      const Numbers from(rows * 16, 1);
      ExpectLanesMatchOneThread(columns * to_width, [&](const auto& math, double* to) {
        math.Transpose(to, to_width, from.data(), 16, rows, columns);
      });
    }
  }
}

TEST(DeviceMath, RowsAndColumnsAreAddedAsByOneThread) {
  constexpr int64_t kWidth = 48;
  for (const int64_t rows : kRowCounts) {
    SCOPED_TRACE(rows);
    const Numbers a(rows * kWidth, 1), vector(std::max(rows, kWidth), 2);
    ExpectLanesMatchOneThread(rows, [&](const auto& math, double* to) {
      math.RowDots(to, a.data(), vector.data(), rows, kWidth);
    });
    ExpectLanesMatchOneThread(kWidth - 5, [&](const auto& math, double* to) {
      math.AddColumnSums(to, a.data(), kWidth, rows, kWidth - 5, 0.3);
    });
    ExpectLanesMatchOneThread(kWidth, [&](const auto& math, double* to) {
      math.AddWeightedRows(to, a.data(), vector.data(), rows, kWidth, 0.3);
    });
  }
}

TEST(DeviceMath, EveryElementIsVisitedOnce) {
  for (const int64_t count : {0, 1, 5, 100}) {
    ExpectLanesMatchOneThread(count, [&](const auto& math, double* to) {
      math.Each(count, [=](int64_t i) { to[i] = 2 * to[i] + static_cast<double>(i); });
    });
    ExpectLanesMatchOneThread(3 * count, [&](const auto& math, double* to) {
      math.EachRow(3, count, [=](int64_t r, int64_t j) {
        to[r * count + j] = 2 * to[r * count + j] + static_cast<double>(10 * r + j);
      });
    });
  }
}

// Each method reads the results of the method before it, written by other lanes.
TEST(DeviceMath, LanesSeeWhatTheOthersWrote) {
  ExpectLanesMatchOneThread(67, [](const auto& math, double* to) {
    for (int turn = 0; turn < 20; ++turn) {
      const double sum = math.Sum(66, [=](int64_t i) { return to[i]; });
      math.AddTo(to + 66, 0.01 * sum);
      math.Copy(to, to + 32, 32);
      math.Each(32, [=](int64_t i) { to[32 + i] = 0.5 * to[31 - i] + 0.1 * to[66]; });
      math.Fill(to + 8, 0.01 * sum, 3);
    }
    math.Store(to + 3, 4.0);
  });
}

}  // namespace
}  // namespace hearth

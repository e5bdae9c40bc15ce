#include "trainer/gradient/device_team.h"

#include <new>

#include <gtest/gtest.h>

#include "common/random.h"
#include "tests/trainer/support/thread_lanes.h"
#include "trainer/gradient/host_team.h"

namespace hearth {
namespace {

// Random numbers, aligned as the memory of a task is.
class Numbers {
 public:
  explicit Numbers(int64_t count, uint64_t seed = 0) : blocks_(static_cast<size_t>(count / 8 + 1)) {
    RandomStream random(1, Purpose::kTest, seed, static_cast<uint64_t>(count));
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

// Many lanes leave the same in `result` as one thread does; work(team, result).
template <typename Work>
void ExpectTeamsAgree(int64_t size, const Work& work) {
  const Numbers start(size, 99);
  Numbers expected = start;
  work(HostTeam<double>(), expected.data());
  for (const int count : {2, 6, 32}) {
    Numbers actual = start, again = start;
    for (Numbers* result : {&actual, &again}) {
      ThreadLanes::Run(count, [&](const ThreadLanes& lanes) {
        work(DeviceTeam<double, ThreadLanes>(lanes), result->data());
      });
    }
    for (int64_t i = 0; i < start.size(); ++i) {
      ASSERT_NEAR(actual.data()[i], expected.data()[i], 1e-13) << count << " lanes, element " << i;
      ASSERT_EQ(actual.data()[i], again.data()[i]) << count << " lanes, element " << i;
    }
  }
}

constexpr int64_t kRowCounts[] = {0, 1, 3, 8, 21};

TEST(DeviceTeam, ProductsAreThoseOfOneThread) {
  for (const int64_t m : kRowCounts) {
    for (const int64_t k : {0, 7, 16}) {
      for (const int64_t n : {16, 48}) {
        SCOPED_TRACE(::testing::Message() << m << " x " << k << " x " << n);
        const Numbers a(m * k, 1), b(k * n, 2);
        ExpectTeamsAgree(m * n, [&](const auto& team, double* c) {
          team.Gemm(c, m, n, k, a.data(), k, 1, b.data(), 0.7);
        });
        ExpectTeamsAgree(m * n, [&](const auto& team, double* c) {
          team.Gemm(c, m, n, k, a.data(), 1, m, b.data(), -1.0);
        });
      }
    }
  }
}

TEST(DeviceTeam, TransposedProductsAreThoseOfOneThread) {
  for (const int64_t m : kRowCounts) {
    for (const int64_t n : kRowCounts) {
      for (const int64_t k : {0, 32}) {
        SCOPED_TRACE(::testing::Message() << m << " x " << k << " x " << n);
        const Numbers a(m * k, 1), b(n * k, 2);
        const int64_t c_row = n + 3;
        ExpectTeamsAgree(m * c_row, [&](const auto& team, double* c) {
          team.GemmTransposed(c, c_row, m, n, k, a.data(), b.data(), 0.7);
        });
      }
    }
  }
}

TEST(DeviceTeam, TransposesWithZerosBeyondTheRows) {
  for (const int64_t rows : {1, 5, 16, 17}) {
    for (const int64_t columns : {1, 6, 16}) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << columns);
      const int64_t to_width = (rows + 15) / 16 * 16;
      const Numbers from(rows * 16, 1);
      ExpectTeamsAgree(columns * to_width, [&](const auto& team, double* to) {
        team.Transpose(to, to_width, from.data(), 16, rows, columns);
      });
    }
  }
}

TEST(DeviceTeam, RowsAndColumnsAreAddedAsByOneThread) {
  constexpr int64_t kWidth = 48;
  for (const int64_t rows : kRowCounts) {
    SCOPED_TRACE(rows);
    const Numbers a(rows * kWidth, 1), vector(std::max(rows, kWidth), 2);
    ExpectTeamsAgree(rows, [&](const auto& team, double* to) {
      team.RowDots(to, a.data(), vector.data(), rows, kWidth);
    });
    ExpectTeamsAgree(kWidth - 5, [&](const auto& team, double* to) {
      team.AddColumnSums(to, a.data(), kWidth, rows, kWidth - 5, 0.3);
    });
    ExpectTeamsAgree(kWidth, [&](const auto& team, double* to) {
      team.AddWeightedRows(to, a.data(), vector.data(), rows, kWidth, 0.3);
    });
  }
}

TEST(DeviceTeam, EveryElementIsVisitedOnce) {
  for (const int64_t count : {0, 1, 5, 100}) {
    ExpectTeamsAgree(count, [&](const auto& team, double* to) {
      team.Each(count, [=](int64_t i) { to[i] = 2 * to[i] + static_cast<double>(i); });
    });
    ExpectTeamsAgree(3 * count, [&](const auto& team, double* to) {
      team.EachRow(3, count, [=](int64_t r, int64_t j) {
        to[r * count + j] = 2 * to[r * count + j] + static_cast<double>(10 * r + j);
      });
    });
  }
}

// Each method reads what the one before wrote, through other lanes.
TEST(DeviceTeam, LanesSeeWhatTheOthersWrote) {
  ExpectTeamsAgree(67, [](const auto& team, double* to) {
    for (int turn = 0; turn < 20; ++turn) {
      const double sum = team.Sum(66, [=](int64_t i) { return to[i]; });
      team.AddTo(to + 66, 0.01 * sum);
      team.Copy(to, to + 32, 32);
      team.Each(32, [=](int64_t i) { to[32 + i] = 0.5 * to[31 - i] + 0.1 * to[66]; });
      team.Fill(to + 8, 0.01 * sum, 3);
    }
    team.Store(to + 3, 4.0);
  });
}

}  // namespace
}  // namespace hearth

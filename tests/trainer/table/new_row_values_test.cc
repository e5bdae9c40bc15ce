#include "trainer/table/new_row_values.h"

#include <cmath>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr int64_t kBuckets = RowPartition::kBuckets, kDim = 3;
constexpr auto kSeed = TableOptions::NewRows::kSeed, kMean = TableOptions::NewRows::kMean;

TableSpec Spec(const std::string& name, int64_t ids) {
  return {.name = name, .row_count = ids, .dim = kDim, .init_scale = 0.3};
}

NewRowValues Values(const std::string& name, uint64_t seed,
                    TableOptions::NewRows kind = TableOptions::NewRows::kSeed) {
  return NewRowValues(Spec(name, 5 * kBuckets), kind, seed, {0, kBuckets}, at::kDouble);
}

TEST(NewRowValues, AreAFunctionOfSeedTableAndId) {
  const at::Tensor row = Values("a", 1).For(7);
  EXPECT_TRUE(at::equal(Values("a", 1).For(7), row));
  EXPECT_FALSE(at::equal(Values("a", 2).For(7), row));
  EXPECT_FALSE(at::equal(Values("b", 1).For(7), row));
  EXPECT_FALSE(at::equal(Values("a", 1).For(8), row));
}

TEST(NewRowValues, AreNormalWithTheScaleOfTheTable) {
  constexpr int64_t kCount = 20000;
  const NewRowValues values = Values("a", 1);
  double sum = 0.0, squares = 0.0;
  for (int64_t id = 0; id < kCount; ++id) {
    for (const double x : ToDoubles(values.For(id))) {
      sum += x;
      squares += x * x;
    }
  }
  EXPECT_NEAR(sum / (kCount * kDim), 0.0, 5 * 0.3 / std::sqrt(kCount * kDim));
  EXPECT_NEAR(std::sqrt(squares / (kCount * kDim)), 0.3, 0.005);
}

TEST(NewRowValues, FillATableOfAllIdsEachInItsPlace) {
  const TableSpec spec = Spec("a", kBuckets + 5);
  const RowDirectory directory(spec, {}, ShapeOf(spec, {}, 8, {}), 0);
  const NewRowValues values(spec, kSeed, 1, directory.buckets(), at::kDouble);
  at::Tensor rows = at::empty({spec.row_count, kDim}, at::kDouble);
  values.FillAll(directory, rows);
  for (const int64_t id : {int64_t{0}, int64_t{1}, kBuckets, kBuckets + 4}) {
    EXPECT_TRUE(at::equal(rows[directory.Find(id)], values.For(id))) << id;
  }
}

// A table with two slots in each bucket and the value 5 in all rows. All ids are of one bucket.
struct MeansOfBucket {
  static constexpr int64_t kBucket = 100, kSlots = 2;
  static int64_t Id(int64_t i) { return kBucket + i * kBuckets; }

  MeansOfBucket() { rows.fill_(5.0); }
  at::Tensor RowAt(int64_t slot) { return rows[kBucket * kSlots + slot]; }
  void RefreshAll(int64_t from_step) {
    for (int64_t step = from_step; step < from_step + 128; ++step) {
      values.RefreshMeans(step, directory, rows);
    }
  }

  TableSpec spec = Spec("a", 5 * kBuckets);
  TableOptions options = {.capacity = kSlots * kBuckets, .new_rows = kMean};
  RowDirectory directory{spec, options, ShapeOf(spec, options, 8, {}), 0};
  NewRowValues values{spec, kMean, 1, directory.buckets(), at::kDouble};
  at::Tensor rows = at::zeros({kSlots * kBuckets, kDim}, at::kDouble);
};

TEST(NewRowValues, MeanIsOverTheRowsThatAnIdHas) {
  MeansOfBucket table;
  const at::Tensor from_seed = Values("a", 1).For(MeansOfBucket::Id(3));
  table.RefreshAll(0);
  EXPECT_TRUE(at::equal(table.values.For(MeansOfBucket::Id(3)), from_seed)) << "no row so far";
  table.directory.AdmitIds(std::vector<int64_t>{MeansOfBucket::Id(0)}, 0);
  table.RowAt(0).fill_(1.0);
  table.RefreshAll(1);
  EXPECT_THAT(ToDoubles(table.values.For(MeansOfBucket::Id(3))), Each(1.0));
  table.directory.AdmitIds(std::vector<int64_t>{MeansOfBucket::Id(1)}, 1);
  table.RowAt(1).fill_(4.0);
  EXPECT_THAT(ToDoubles(table.values.For(MeansOfBucket::Id(3))), Each(1.0)) << "not yet refreshed";
  table.RefreshAll(500);
  EXPECT_THAT(ToDoubles(table.values.For(MeansOfBucket::Id(3))), Each(2.5));
  EXPECT_THAT(ToDoubles(table.values.bucket_means()[MeansOfBucket::kBucket]),
              ElementsAre(2.5, 2.5, 2.5, 2.0));
  EXPECT_FALSE(at::equal(table.values.For(MeansOfBucket::Id(3) + 1), table.RowAt(0)))
      << "another bucket";
}

TEST(NewRowValues, EveryMeanIsRefreshedOnceIn128Steps) {
  MeansOfBucket table;
  table.directory.AdmitIds(std::vector<int64_t>{MeansOfBucket::Id(0)}, 0);
  int64_t refreshed = 0;
  for (int64_t step = 0; step < 3 * 128; ++step) {
    table.values.bucket_means().zero_();
    table.values.RefreshMeans(step, table.directory, table.rows);
    refreshed += table.values.bucket_means()[MeansOfBucket::kBucket][kDim].item<double>() > 0.0;
  }
  EXPECT_EQ(refreshed, 3);
}

TEST(NewRowValues, RankKeepsTheMeansOfItsBuckets) {
  const TableSpec spec = Spec("a", 5 * kBuckets);
  const TableOptions options = {.capacity = 2 * kBuckets, .new_rows = kMean};
  const TablePlacement placement = {1, 2, 0};
  RowDirectory directory(spec, options, ShapeOf(spec, options, 8, placement), placement.rank);
  NewRowValues values(spec, kMean, 1, directory.buckets(), at::kDouble);
  EXPECT_EQ(values.bucket_means().size(0), kBuckets / 2);
  directory.AdmitIds(std::vector<int64_t>{kBuckets - 1}, 0);
  const at::Tensor rows = at::full({kBuckets, kDim}, 6.0, at::kDouble);
  for (int64_t step = 0; step < 128; ++step) values.RefreshMeans(step, directory, rows);
  EXPECT_THAT(ToDoubles(values.For(2 * kBuckets - 1)), Each(6.0));
}

TEST(NewRowValues, NothingIsRefreshedWhereRowsStartFromTheSeed) {
  MeansOfBucket table;
  NewRowValues values = Values("a", 1, kSeed);
  values.RefreshMeans(0, table.directory, table.rows);
  EXPECT_FALSE(values.bucket_means().defined());
}

}  // namespace
}  // namespace hearth

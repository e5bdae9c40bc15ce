#include "trainer/table/embedding_table.h"

#include <utility>

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_copy.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/random.h"

namespace hearth {
namespace {

constexpr int64_t kRows = 40;
constexpr double kLr = 0.1;

at::Tensor IdTensor(const std::vector<int64_t>& ids) {
  return at::from_blob(const_cast<int64_t*>(ids.data()), {std::ssize(ids)}, at::kLong).clone();
}

at::Tensor RandomTensor(at::IntArrayRef shape, uint64_t number, double scale) {
  RandomStream random(6, Purpose::kTest, number);
  at::Tensor values = at::zeros(shape, at::kDouble);
  for (int64_t i = 0; i < values.numel(); ++i) {
    values.mutable_data_ptr<double>()[i] = scale * random.NextNormal();
  }
  return values;
}

EmbeddingTable MakeTable(TableOptimizer optimizer, int64_t dim,
                         at::TensorOptions options = at::kDouble) {
  return EmbeddingTable({.name = "item.id", .row_count = kRows, .dim = dim, .init_scale = 0.3},
                        optimizer, /*seed=*/5, options);
}

// The formulas of RowOptimizer as operators on whole tensors.
struct Oracle {
  at::Tensor rows, first, second, age;

  void Apply(TableOptimizer optimizer, const at::Tensor& index, const at::Tensor& gradient,
             double l2) {
    const at::Tensor x = rows.index_select(0, index), g = gradient + l2 * x;
    const at::Tensor square = g.pow(2).mean(1), n = age.index_select(0, index) + 1.0;
    at::Tensor v = second.index_select(0, index), step;
    if (optimizer == TableOptimizer::kAdagrad) {
      v = v + square;
      step = g / (v.sqrt() + 1e-8).unsqueeze(1);
    } else {
      v = 0.999 * v + 0.001 * square;
      const at::Tensor m = 0.9 * first.index_select(0, index) + 0.1 * g;
      first.index_copy_(0, index, m);
      const at::Tensor corrected = (v / (1.0 - at::pow(0.999, n))).sqrt() + 1e-8;
      step = m / (1.0 - at::pow(0.9, n)).unsqueeze(1) / corrected.unsqueeze(1);
    }
    second.index_copy_(0, index, v);
    age.index_copy_(0, index, n);
    rows.index_copy_(0, index, x - kLr * step);
  }
};

double RelativeError(const at::Tensor& actual, const at::Tensor& expected) {
  return ((actual.to(at::kCPU, at::kDouble) - expected).abs().max() / expected.abs().max())
      .item<double>();
}

struct Batch {
  std::vector<int64_t> ids;
  at::Tensor gradient;
};

// Splits the gradients into shares: every id stands one to five times, in random order.
Batch Repeated(const std::vector<int64_t>& ids, const at::Tensor& gradient, RandomStream& random) {
  std::vector<int64_t> positions, repeated;
  at::Tensor shares = at::zeros({5 * std::ssize(ids)}, at::kDouble);
  for (int64_t i = 0; i < std::ssize(ids); ++i) {
    const int64_t times = 1 + random.NextBelow(5);
    for (int64_t k = 0; k < times; ++k) positions.push_back(i);
    shares.select(0, i).fill_(1.0 / static_cast<double>(times));
  }
  for (size_t i = positions.size(); i > 1; --i) {
    std::swap(positions[i - 1], positions[random.NextBelow(i)]);
  }
  for (const int64_t i : positions) repeated.push_back(ids[i]);
  const at::Tensor index = IdTensor(positions);
  return {repeated, gradient.index_select(0, index) * shares.index_select(0, index).unsqueeze(1)};
}

// Takes 60 steps of a table and of the oracle, each on a few rows, and compares the whole state.
void ExpectAgreesWithOracle(EmbeddingTable table, TableOptimizer optimizer, double l2, bool repeat,
                            double tolerance) {
  const bool has_first = optimizer == TableOptimizer::kAdam;
  Oracle oracle{.rows = table.rows().to(at::kCPU, at::kDouble, false, /*copy=*/true),
                .first = at::zeros({kRows, table.dim()}, at::kDouble),
                .second = at::zeros({kRows}, at::kDouble),
                .age = at::zeros({kRows}, at::kDouble)};
  for (uint64_t step = 0; step < 60; ++step) {
    RandomStream random(7, Purpose::kTest, step);
    const std::vector<int64_t> ids =
        SampleWithoutReplacement(kRows - 1, random.NextBelow(20), random);
    if (ids.empty()) continue;
    const at::Tensor gradient = RandomTensor({std::ssize(ids), table.dim()}, step, 0.5);
    oracle.Apply(optimizer, IdTensor(ids), gradient, l2);
    const Batch batch = repeat ? Repeated(ids, gradient, random) : Batch{ids, gradient};
    table.Apply(batch.ids, batch.gradient.to(table.rows().options()), kLr, l2);
  }
  EXPECT_LT(RelativeError(table.rows(), oracle.rows), tolerance);
  EXPECT_LT(RelativeError(table.optimizer().second_moment(), oracle.second), tolerance);
  EXPECT_EQ(RelativeError(table.optimizer().age(), oracle.age), 0.0);
  ASSERT_EQ(table.optimizer().first_moment().defined(), has_first);
  if (has_first) {
    EXPECT_LT(RelativeError(table.optimizer().first_moment(), oracle.first), tolerance);
  }
}

class EveryOptimizer : public ::testing::TestWithParam<TableOptimizer> {};
INSTANTIATE_TEST_SUITE_P(EmbeddingTable, EveryOptimizer,
                         ::testing::Values(TableOptimizer::kAdam, TableOptimizer::kAdagrad),
                         [](const auto& test) {
                           return test.param == TableOptimizer::kAdam ? "Adam" : "Adagrad";
                         });

void ExpectStepsAgree(TableOptimizer optimizer, at::Device device) {
  for (const int64_t dim : {1, 3, 8, 13, 16, 32, 64, 200}) {
    for (const double l2 : {0.0, 0.05}) {
      for (const bool repeat : {false, true}) {
        SCOPED_TRACE(fmt::format("dim {}, l2 {}, repeated ids {}", dim, l2, repeat));
        const auto options = at::TensorOptions().device(device);
        ExpectAgreesWithOracle(MakeTable(optimizer, dim, options.dtype(at::kDouble)), optimizer, l2,
                               repeat, 1e-12);
        ExpectAgreesWithOracle(MakeTable(optimizer, dim, options.dtype(at::kFloat)), optimizer, l2,
                               repeat, 1e-5);
      }
    }
  }
}

TEST_P(EveryOptimizer, StepsAgreeWithTheFormulasForEveryDim) {
  ExpectStepsAgree(GetParam(), at::kCPU);
}

TEST_P(EveryOptimizer, StepsOnAGpuAgreeWithTheFormulasForEveryDim) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU";
  ExpectStepsAgree(GetParam(), at::kCUDA);
}

TEST_P(EveryOptimizer, RowsThatAreNotNamedKeepTheirBits) {
  EmbeddingTable table = MakeTable(GetParam(), 5);
  const at::Tensor before = table.rows().clone();
  table.Apply({3, 39}, RandomTensor({2, 5}, 1, 1.0), kLr, 0.1);
  for (int64_t row = 0; row < kRows; ++row) {
    const bool named = row == 3 || row == 39;
    EXPECT_EQ(at::equal(table.rows().select(0, row), before.select(0, row)), !named) << row;
    EXPECT_EQ(table.optimizer().age().select(0, row).item<double>(), named ? 1.0 : 0.0) << row;
    EXPECT_EQ(table.optimizer().second_moment().select(0, row).item<double>() > 0.0, named) << row;
  }
}

TEST_P(EveryOptimizer, OrderOfTheRowsIsWithoutEffect) {
  EmbeddingTable one = MakeTable(GetParam(), 7, at::kFloat);
  EmbeddingTable other = MakeTable(GetParam(), 7, at::kFloat);
  const at::Tensor gradient = RandomTensor({3, 7}, 2, 1.0).to(at::kFloat);
  one.Apply({30, 2, 11}, gradient, kLr, 0.01);
  other.Apply({11, 2, 30}, gradient.flip(0), kLr, 0.01);
  EXPECT_TRUE(at::equal(one.rows(), other.rows()));
  EXPECT_TRUE(at::equal(one.optimizer().second_moment(), other.optimizer().second_moment()));
}

TEST_P(EveryOptimizer, GradientsOfARowAreAddedInTheOrderOfTheList) {
  EmbeddingTable repeated = MakeTable(GetParam(), 9, at::kFloat);
  EmbeddingTable summed = MakeTable(GetParam(), 9, at::kFloat);
  const at::Tensor gradient = RandomTensor({4, 9}, 4, 1.0).to(at::kFloat);
  repeated.Apply({8, 3, 8, 8}, gradient, kLr, 0.01);
  summed.Apply({8}, (gradient[0] + gradient[2] + gradient[3]).unsqueeze(0), kLr, 0.01);
  EXPECT_TRUE(at::equal(repeated.rows()[8], summed.rows()[8]));
}

TEST_P(EveryOptimizer, NoRowsAreNoStep) {
  EmbeddingTable table = MakeTable(GetParam(), 4);
  const at::Tensor before = table.rows().clone();
  table.Apply({}, at::zeros({0, 4}, at::kDouble), kLr, 0.1);
  EXPECT_TRUE(at::equal(table.rows(), before));
}

TEST_P(EveryOptimizer, GradientMayBeAViewWithGaps) {
  EmbeddingTable dense = MakeTable(GetParam(), 4), view = MakeTable(GetParam(), 4);
  const at::Tensor wide = RandomTensor({2, 8}, 3, 1.0);
  dense.Apply({1, 2}, wide.narrow(1, 2, 4).clone(), kLr, 0.0);
  view.Apply({1, 2}, wide.narrow(1, 2, 4), kLr, 0.0);
  EXPECT_TRUE(at::equal(dense.rows(), view.rows()));
}

TEST(EmbeddingTable, GatherCopiesTheRowsAsNamed) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const int64_t dim : {1, 6, 16, 33}) {
      EmbeddingTable table = MakeTable(TableOptimizer::kAdagrad, dim, type);
      const std::vector<int64_t> ids = {39, 0, 7, 7, 1, 39};
      at::Tensor rows = table.Gather(ids);
      EXPECT_EQ(rows.scalar_type(), type);
      EXPECT_TRUE(at::equal(rows, table.rows().index_select(0, IdTensor(ids))));
      rows.zero_();
      EXPECT_GT(table.rows().select(0, 7).abs().max().item<double>(), 0.0);
    }
  }
}

TEST(EmbeddingTable, GatherOnAGpuCopiesTheRowsAsNamed) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU";
  for (const int64_t dim : {1, 6, 16, 33, 200}) {
    const EmbeddingTable host = MakeTable(TableOptimizer::kAdagrad, dim);
    const EmbeddingTable device = MakeTable(
        TableOptimizer::kAdagrad, dim, at::TensorOptions().dtype(at::kDouble).device(at::kCUDA));
    const std::vector<int64_t> ids = {39, 0, 7, 7, 1, 39};
    EXPECT_TRUE(at::equal(device.Gather(ids).to(at::kCPU), host.Gather(ids)));
  }
}

TEST(EmbeddingTable, GatherOfNothingIsEmpty) {
  const EmbeddingTable table = MakeTable(TableOptimizer::kAdam, 3);
  EXPECT_THAT(table.Gather(std::vector<int64_t>()).sizes(), ::testing::ElementsAre(0, 3));
}

TEST(EmbeddingTable, StartValuesInFloatAreThoseInDoubleRounded) {
  const EmbeddingTable wide = MakeTable(TableOptimizer::kAdam, 9);
  const EmbeddingTable narrow = MakeTable(TableOptimizer::kAdam, 9, at::kFloat);
  EXPECT_TRUE(at::equal(narrow.rows(), wide.rows().to(at::kFloat)));
}

TEST(EmbeddingTable, IdsOutsideTheTableAreABug) {
  EmbeddingTable table = MakeTable(TableOptimizer::kAdam, 2);
  EXPECT_DEATH(table.Gather(std::vector<int64_t>{0, kRows}),
               "ids 0 to 40 of table item.id, which has 40");
  EXPECT_DEATH(table.Apply({-1}, at::zeros({1, 2}, at::kDouble), kLr, 0.0), "ids -1 to -1");
}

TEST(EmbeddingTable, GradientOfAnotherShapeOrTypeIsABug) {
  EmbeddingTable table = MakeTable(TableOptimizer::kAdam, 2);
  EXPECT_DEATH(table.Apply({1, 2}, at::zeros({1, 2}, at::kDouble), kLr, 0.0), "gradient");
  EXPECT_DEATH(table.Apply({1}, at::zeros({1, 3}, at::kDouble), kLr, 0.0), "gradient");
  EXPECT_DEATH(table.Apply({1}, at::zeros({1, 2}, at::kFloat), kLr, 0.0), "gradient");
}

// Makes a table with two rows in each bucket for five ids.
EmbeddingTable MakeDynamicTable(TableOptimizer optimizer, int64_t admit_after = 1) {
  return EmbeddingTable({.name = "item.id", .row_count = 5 * 1024, .dim = 3, .init_scale = 0.3},
                        optimizer, /*seed=*/5, at::kDouble,
                        {.capacity = 2 * 1024, .admit_after = admit_after});
}

TEST_P(EveryOptimizer, IdWithoutARowReadsAsANewRowAndDoesNotStep) {
  EmbeddingTable table = MakeDynamicTable(GetParam(), /*admit_after=*/2);
  const std::vector<int64_t> ids = {7, 8};
  const at::Tensor before = table.Gather(ids);
  EXPECT_GT(before.abs().min().item<double>(), 0.0);
  table.AdmitIds(ids, 0);
  table.Apply(ids, RandomTensor({2, 3}, 1, 1.0), kLr, 0.0);
  EXPECT_TRUE(at::equal(table.Gather(ids), before)) << "seen once";
  table.AdmitIds(std::vector<int64_t>{8}, 1);
  EXPECT_TRUE(at::equal(table.Gather(ids), before)) << "the row starts with the same values";
  table.Apply(ids, RandomTensor({2, 3}, 2, 1.0), kLr, 0.0);
  const at::Tensor after = table.Gather(ids);
  EXPECT_TRUE(at::equal(after[0], before[0]));
  EXPECT_FALSE(at::equal(after[1], before[1]));
  EXPECT_EQ(table.optimizer().age().sum().item<double>(), 1.0);
}

TEST_P(EveryOptimizer, RowOfANewIdStepsAsIfNoOtherHadHadIt) {
  EmbeddingTable table = MakeDynamicTable(GetParam()), fresh = MakeDynamicTable(GetParam());
  const std::vector<int64_t> old_ids = {7, 7 + 1024}, new_id = {7 + 2048};
  table.AdmitIds(old_ids, 0);
  table.Apply(old_ids, RandomTensor({2, 3}, 1, 1.0), kLr, 0.0);
  for (EmbeddingTable* each : {&table, &fresh}) {
    each->AdmitIds(new_id, 1);
    each->Apply(new_id, RandomTensor({1, 3}, 2, 1.0), kLr, 0.0);
  }
  EXPECT_EQ(table.LocalRowOf(7), RowDirectory::kNoRow) << "the bucket was full";
  EXPECT_TRUE(at::equal(table.Gather(new_id), fresh.Gather(new_id)));
}

TEST(EmbeddingTable, TracksRowsAsTheyWereBeforeTheirFirstStep) {
  EmbeddingTable table = MakeTable(TableOptimizer::kAdagrad, 2);
  const at::Tensor before = table.rows().clone();
  table.Apply({4}, at::ones({1, 2}, at::kDouble), kLr, 0.0);
  const at::Tensor start = table.rows().clone();
  EXPECT_FALSE(at::equal(start, before));
  table.StartTracking();
  table.Apply({9, 4}, at::ones({2, 2}, at::kDouble), kLr, 0.0);
  table.Apply({4, 4}, at::ones({2, 2}, at::kDouble), kLr, 0.0);
  const RowsById tracked = table.TakeTracked();
  EXPECT_THAT(tracked.ids, ::testing::ElementsAre(4, 9));
  EXPECT_TRUE(at::equal(tracked.rows, start.index_select(0, IdTensor(tracked.ids))));
  EXPECT_THAT(table.TakeTracked().ids, ::testing::IsEmpty());
}

TEST(EmbeddingTable, MarksTheRowsThatStepped) {
  EmbeddingTable table = MakeTable(TableOptimizer::kAdagrad, 2);
  table.Apply({9, 4, 9}, at::ones({3, 2}, at::kDouble), kLr, 0.0);
  const std::vector<uint32_t> expected = {4, 9};
  EXPECT_EQ(table.directory().changed().OffsetsIn(0, kRows), expected);
  table.ForgetChanges();
  EXPECT_EQ(table.directory().changed().CountIn(0, kRows), 0);
}

std::vector<std::string> NamesOf(const StateList& list) {
  std::vector<std::string> names;
  for (const StateArray& array : list) names.push_back(array.name);
  return names;
}

TEST(EmbeddingTable, ListsItsStateByTheNamesOfCheckpoints) {
  using ::testing::ElementsAre;
  StateList model, adam, adagrad, dynamic_model, dynamic_adam;
  MakeTable(TableOptimizer::kAdam, 2).ListModel(model);
  EXPECT_THAT(NamesOf(model), ElementsAre("rows"));
  MakeTable(TableOptimizer::kAdam, 2).ListOptimizer(adam);
  EXPECT_THAT(NamesOf(adam), ElementsAre("first", "second", "age"));
  MakeTable(TableOptimizer::kAdagrad, 2).ListOptimizer(adagrad);
  EXPECT_THAT(NamesOf(adagrad), ElementsAre("second", "age"));
  EmbeddingTable dynamic({.name = "t", .row_count = 5 * 1024, .dim = 3}, TableOptimizer::kAdam, 5,
                         at::kDouble, {.capacity = 2048, .new_rows = TableOptions::NewRows::kMean});
  dynamic.ListModel(dynamic_model);
  EXPECT_THAT(NamesOf(dynamic_model), ElementsAre("rows", "ids", "last_step", "means"));
  dynamic.ListOptimizer(dynamic_adam);
  EXPECT_THAT(NamesOf(dynamic_adam), ElementsAre("first", "second", "age", "waiting/ids",
                                                 "waiting/last_step", "waiting/count"));
}

TEST(EmbeddingTable, StateCopiedThroughItsListStepsOnInTheSameBits) {
  const TableSpec spec = {.name = "t", .row_count = 5 * 1024, .dim = 3, .init_scale = 0.3};
  const TableOptions options = {
      .capacity = 1024, .admit_after = 2, .new_rows = TableOptions::NewRows::kMean};
  EmbeddingTable table(spec, TableOptimizer::kAdam, 5, at::kDouble, options);
  EmbeddingTable copy(spec, TableOptimizer::kAdam, 5, at::kDouble, options);
  const auto step = [](EmbeddingTable& of, int64_t number) {
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < 5; ++i) ids.push_back(number % 3 + i * 1024);
    of.AdmitIds(ids, number);
    of.Apply(ids, RandomTensor({5, 3}, number, 1.0), kLr, 0.0);
  };
  for (int64_t number = 0; number < 200; ++number) step(table, number);
  StateList from, to;
  table.ListModel(from);
  table.ListOptimizer(from);
  copy.ListModel(to);
  copy.ListOptimizer(to);
  for (size_t i = 0; i < from.size(); ++i) to[i].values.copy_(from[i].values);
  for (const StateArray& array : to) {
    if (array.on_load) array.on_load();
  }
  for (int64_t number = 200; number < 400; ++number) {
    step(table, number);
    step(copy, number);
  }
  for (size_t i = 0; i < from.size(); ++i) {
    EXPECT_TRUE(at::equal(to[i].values, from[i].values)) << from[i].name;
  }
}

}  // namespace
}  // namespace hearth

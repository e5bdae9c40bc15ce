#include "trainer/loop/als_start.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "tests/trainer/support/training.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/evaluate/als.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;

constexpr uint64_t kSeed = 7;

// Solves A x = b by elimination with pivots; A: [n, n].
std::vector<double> Solve(std::vector<std::vector<double>> a, std::vector<double> b) {
  const size_t n = b.size();
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t i = k; i < n; ++i) {
      if (std::abs(a[i][k]) > std::abs(a[pivot][k])) pivot = i;
    }
    std::swap(a[k], a[pivot]);
    std::swap(b[k], b[pivot]);
    for (size_t i = k + 1; i < n; ++i) {
      const double factor = a[i][k] / a[k][k];
      for (size_t j = k; j < n; ++j) a[i][j] -= factor * a[k][j];
      b[i] -= factor * b[k];
    }
  }
  for (size_t k = n; k-- > 0;) {
    for (size_t j = k + 1; j < n; ++j) b[k] -= a[k][j] * b[j];
    b[k] /= a[k][k];
  }
  return b;
}

class AlsStart : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    data_ = FreshFolder("als-data");
    // So many events that the factors do not shrink to nothing.
    SimulateDataset(data_, /*users=*/400, /*items=*/100, /*events_per_user=*/25);
  }
  void SetUp() override { dataset_.emplace(DatasetOptions{.path = data_}); }

  static ModelOptions Model(ModelOptions::Type type, int64_t dim) {
    ModelOptions options;
    options.type = type;
    options.dim = dim;
    options.layers = {8};
    options.min_item_events = 70;  // some items have no row
    return options;
  }

  // A learner on the data, its first parameters, and these after the start.
  struct Started {
    Started(const Dataset& dataset, const ModelOptions& model, const TableOptions& tables = {},
            const TablePlacement& placement = {})
        : on_data(dataset, {.model = model, .meta = {}, .descent = {}}, at::kDouble),
          parameters(
              on_data.learner.InitialParameters(TableOptimizer::kAdam, kSeed, tables, placement)) {
      dense_before = parameters.dense.clone();
      for (const EmbeddingTable& table : parameters.tables) {
        rows_before.push_back(table.rows().clone());
      }
      StartFromAls(dataset, model, on_data.data.items(), on_data.learner.layout(), kSeed,
                   parameters);
    }
    size_t id_table() const {
      size_t t = 0;
      while (parameters.tables[t].name() != "item.id") ++t;
      return t;
    }
    std::vector<double> Parameter(const std::string& name) const {
      const ParameterLayout& layout = on_data.learner.layout();
      const ParameterSpec& spec = layout.spec(layout.Find(name));
      return ToDoubles(parameters.dense.narrow(0, spec.offset, spec.count));
    }

    LearnerOfDataset on_data;
    MetaParameters parameters;
    at::Tensor dense_before;
    std::vector<at::Tensor> rows_before;
  };

  static std::string data_;
  std::optional<Dataset> dataset_;
};
std::string AlsStart::data_;

constexpr auto kDot = ModelOptions::Type::kEmbeddingDot, kMlp = ModelOptions::Type::kEmbeddingMlp;

TEST_F(AlsStart, RowOfAnItemIsItsFactorsAndThenItsBias) {
  for (const auto type : {kDot, kMlp}) {
    const Started started(*dataset_, Model(type, type == kDot ? 4 : 5));
    const TrainingLog log = ReadTrainingLog(*dataset_);
    const AlsModel als(log, BiasModel(log, {}), {.dim = 4, .ridge = 10.0, .seed = kSeed});
    const EmbeddingTable& table = started.parameters.tables[started.id_table()];
    const BoundEntities& items = started.on_data.data.items();
    int64_t with_row = 0;
    for (int64_t item = 0; item < items.entity_count(); ++item) {
      const int64_t id = items.IdRowOf(item);
      if (id == 0) continue;
      ++with_row;
      const std::vector<double> row = ToDoubles(table.Gather(std::vector<int64_t>{id})[0]);
      ASSERT_EQ(row.size(), 5);
      for (size_t k = 0; k < 4; ++k) EXPECT_EQ(row[k], als.ItemVector(item)[k + 1]) << item;
      EXPECT_EQ(row[4], als.ItemVector(item)[0]) << item;
    }
    EXPECT_GT(with_row, 10);
    EXPECT_LT(with_row, items.entity_count());
    EXPECT_EQ(with_row + 1, table.rows().size(0));
    EXPECT_THAT(ToDoubles(table.Gather(std::vector<int64_t>{0})), Each(0.0)) << "of the unknown";
  }
}

// The start of the user vector is the mean over the training users, each of which is a ridge
// regression on the vectors of its items. Here the regressions are solved anew, from the rows of
// the table.
TEST_F(AlsStart, UserVectorIsTheMeanOfTheRidgeRegressionsOnTheRows) {
  constexpr size_t kFactors = 3, kWidth = kFactors + 1;
  ModelOptions model = Model(kDot, kFactors);
  model.min_item_events = 0;  // a row for every item
  const Started started(*dataset_, model);
  const EmbeddingTable& table = started.parameters.tables[started.id_table()];
  const BoundEntities& items = started.on_data.data.items();
  const TrainingLog log = ReadTrainingLog(*dataset_);
  const double label_mean = BiasModel(log, {}).mean();
  std::vector<double> mean(kWidth, 0.0);  // factors, then the bias
  for (int64_t user = 0; user < log.row_count(); ++user) {
    std::vector<std::vector<double>> a(kWidth, std::vector<double>(kWidth, 0.0));
    std::vector<double> b(kWidth, 0.0);
    for (size_t event = 0; event < log.ColumnsOf(user).size(); ++event) {
      const int64_t id = items.IdRowOf(log.ColumnsOf(user)[event]);
      const std::vector<double> row = ToDoubles(table.Gather(std::vector<int64_t>{id})[0]);
      std::vector<double> x = row;
      x.back() = 1.0;  // for the bias of the user
      const double y = log.LabelsOf(user)[event] - label_mean - row.back();
      for (size_t i = 0; i < kWidth; ++i) {
        for (size_t j = 0; j < kWidth; ++j) a[i][j] += x[i] * x[j];
        b[i] += x[i] * y;
      }
    }
    for (size_t i = 0; i < kWidth; ++i) a[i][i] += i + 1 < kWidth ? 10.0 : 5.0;
    const std::vector<double> vector = Solve(a, b);
    for (size_t i = 0; i < kWidth; ++i) {
      mean[i] += vector[i] / static_cast<double>(log.row_count());
    }
  }
  const std::vector<double> weight = started.Parameter("user_vector.weight");
  ASSERT_EQ(weight.size(), kFactors);
  for (size_t k = 0; k < kFactors; ++k) {
    EXPECT_NEAR(weight[k], mean[k], 1e-9) << k;
    EXPECT_GT(std::abs(mean[k]), 1e-4) << k;
  }
  EXPECT_NEAR(started.Parameter("user_vector.bias")[0], mean.back(), 1e-9);
}

TEST_F(AlsStart, TouchesTheRowsOfItemIdsAndTheUserVectorAlone) {
  for (const auto type : {kDot, kMlp}) {
    const Started started(*dataset_, Model(type, 5));
    at::Tensor others = started.parameters.dense.clone(), before = started.dense_before.clone();
    for (const ParameterSpec& spec : started.on_data.learner.layout().specs()) {
      if (type != kDot || !spec.name.starts_with("user_vector.")) continue;
      others.narrow(0, spec.offset, spec.count).zero_();
      before.narrow(0, spec.offset, spec.count).zero_();
    }
    EXPECT_TRUE(at::equal(others, before));
    ASSERT_GT(started.parameters.tables.size(), 1);
    for (size_t t = 0; t < started.parameters.tables.size(); ++t) {
      EXPECT_EQ(at::equal(started.parameters.tables[t].rows(), started.rows_before[t]),
                t != started.id_table())
          << started.parameters.tables[t].name();
    }
  }
}

TEST_F(AlsStart, ShareOfARankHasTheRowsOfTheWholeTable) {
  const ModelOptions model = Model(kDot, 5);
  const Started whole(*dataset_, model);
  const EmbeddingTable& table = whole.parameters.tables[whole.id_table()];
  // Ids of 100 items lie in the first buckets of 1024.
  for (const int rank : {0, 1, 2, 25}) {
    const Started share(*dataset_, model, {}, {rank, 50, 0});
    const EmbeddingTable& own = share.parameters.tables[share.id_table()];
    const PositionRange owned = own.shape().partition.OwnedBy(rank);
    EXPECT_EQ(own.rows().size(0), owned.size());
    EXPECT_TRUE(at::equal(own.rows(), table.rows().narrow(0, owned.begin, owned.size())));
    EXPECT_TRUE(at::equal(share.parameters.dense, whole.parameters.dense));
  }
}

TEST_F(AlsStart, WideRowsHaveSixteenFactorsAndZeros) {
  const Started started(*dataset_, Model(kDot, 20));
  const at::Tensor rows = started.parameters.tables[started.id_table()].rows();
  ASSERT_EQ(rows.size(1), 21);
  EXPECT_THAT(ToDoubles(rows.narrow(1, 16, 4).contiguous()), Each(0.0));
  for (int64_t row = 1; row < rows.size(0); ++row) {
    EXPECT_NE(rows[row][15].item<double>(), 0.0);
    EXPECT_NE(rows[row][20].item<double>(), 0.0) << "the bias comes last";
  }
  const std::vector<double> weight = started.Parameter("user_vector.weight");
  ASSERT_EQ(weight.size(), 20);
  for (size_t k = 0; k < 20; ++k) EXPECT_EQ(weight[k] != 0.0, k < 16) << k;
}

TEST_F(AlsStart, ModelWithoutRowsForEveryItemIsRefused) {
  const auto message = [&](const ModelOptions& model, const TableOptions& tables = {}) {
    try {
      const Started started(*dataset_, model, tables);
      return std::string("no error");
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
  };
  EXPECT_THAT(message(Model(kMlp, 1)), AllOf(HasSubstr("model.dim >= 2"), HasSubstr("it is 1")));
  ModelOptions without_ids = Model(kMlp, 4);
  without_ids.item_id = false;
  EXPECT_THAT(message(without_ids), HasSubstr("model.item_id=true"));
  EXPECT_THAT(message(Model(kDot, 4), {.capacity = 5}),
              AllOf(HasSubstr("tables.capacity="), HasSubstr("'item.id'"),
                    HasSubstr("model.start=random")));
  EXPECT_EQ(message(Model(kDot, 2)), "no error");
}

}  // namespace
}  // namespace hearth

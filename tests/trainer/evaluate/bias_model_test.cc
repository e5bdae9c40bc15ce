#include "trainer/evaluate/bias_model.h"

#include <gtest/gtest.h>

#include "tests/trainer/evaluate/log_fixture.h"

namespace hearth {
namespace {

TEST(BiasModel, IsAMinimumOfItsObjective) {
  const TasteWorld world(20);
  const TrainingLog log = world.Log(30, 10, 20);
  const BiasModel::Options options{.row_ridge = 2.0, .column_ridge = 4.0, .sweeps = 200};
  const BiasModel model(log, options);
  const TrainingLog by_column = log.Transposed();
  for (int64_t row = 0; row < log.row_count(); ++row) {
    const double bias = model.row_biases()[row];
    double gradient = options.row_ridge * bias;
    for (size_t i = 0; i < log.ColumnsOf(row).size(); ++i) {
      gradient +=
          model.mean() + bias + model.column_bias(log.ColumnsOf(row)[i]) - log.LabelsOf(row)[i];
    }
    EXPECT_NEAR(gradient, 0.0, 1e-9);
  }
  for (int64_t column = 0; column < log.column_count; ++column) {
    double gradient = options.column_ridge * model.column_bias(column);
    for (size_t i = 0; i < by_column.ColumnsOf(column).size(); ++i) {
      gradient += model.mean() + model.column_bias(column) +
                  model.row_biases()[by_column.ColumnsOf(column)[i]] -
                  by_column.LabelsOf(column)[i];
    }
    EXPECT_NEAR(gradient, 0.0, 1e-9);
  }
}

TEST(BiasModel, NewUserWithTheEventsOfATrainingUserGetsItsBias) {
  const TrainingLog log = TasteWorld(20).Log(30, 10, 20);
  const BiasModel model(log, {});
  const std::vector<int64_t> items(log.ColumnsOf(4).begin(), log.ColumnsOf(4).end());
  EXPECT_NEAR(model.BiasOf({items, log.LabelsOf(4)}), model.row_biases()[4], 1e-12);
  EXPECT_EQ(model.BiasOf({}), 0.0);
}

TEST(BiasModel, UnseenItemsHaveNoBias) {
  const BiasModel model(TasteWorld(20).Log(30, 10, 15), {});
  EXPECT_NE(model.column_bias(14), 0.0);
  EXPECT_EQ(model.column_bias(15), 0.0);
}

}  // namespace
}  // namespace hearth

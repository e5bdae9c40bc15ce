#include "trainer/evaluate/training_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/shard/dataset_fixture.h"
#include "tests/trainer/evaluate/log_fixture.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;

TEST(TrainingLog, TransposingTwiceGivesTheLogSortedByColumn) {
  const TrainingLog log = SmallLog(), transposed = log.Transposed(), back = transposed.Transposed();
  EXPECT_EQ(transposed.row_count(), 4);
  EXPECT_THAT(transposed.ColumnsOf(0), ElementsAre(0, 1));
  EXPECT_THAT(transposed.LabelsOf(0), ElementsAre(5, 1));
  EXPECT_EQ(transposed.ColumnsOf(3).size(), 0u);
  EXPECT_EQ(back.offsets, log.offsets);
  EXPECT_EQ(back.columns, log.columns);
  EXPECT_EQ(back.labels, log.labels);
}

TEST(TrainingLog, HoldsTheTrainingPartAloneTasksInTheOrderOfTheShards) {
  const std::string folder = testing_data::NewFolder();
  testing_data::WriteDataset(folder);
  const TrainingLog log = ReadTrainingLog(Dataset({.path = folder}));
  EXPECT_THAT(log.offsets, ElementsAre(0, 3, 5, 6));
  EXPECT_THAT(log.columns, ElementsAre(0, 1, 2, 1, 3, 0));
  EXPECT_THAT(log.labels, ElementsAre(5, 3, 1, 4, 2, 3));
  EXPECT_EQ(log.column_count, 6);
  EXPECT_FALSE(log.positive_only);
  EXPECT_DOUBLE_EQ(log.MeanLabel(), 3.0);
}

}  // namespace
}  // namespace hearth

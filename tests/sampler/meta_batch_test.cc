#include "sampler/meta_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Chunk TwoTasks() {
  Chunk chunk;
  chunk.number = 3;
  chunk.task_ids = {7, 8};
  chunk.negatives_per_row = 2;
  chunk.negatives_are_rows = true;
  chunk.hide_item_ids = true;
  chunk.support = {.offsets = {0, 1, 3},
                   .items = {10, 11, 12},
                   .labels = {1, 1, 0.5f},
                   .times = {100, 101, 102},
                   .negatives = {20, 21, 22, 23, 24, 25}};
  chunk.query.offsets = {0, 1, 2};
  chunk.query.items = {13, 14};
  chunk.query.labels = {1, 1};
  return chunk;
}

TEST(WithNegativeRows, PutsTheNegativesOfATaskBehindItsEvents) {
  const Chunk chunk = WithNegativeRows(TwoTasks());
  EXPECT_THAT(chunk.support.offsets, ElementsAre(0, 3, 9));
  EXPECT_THAT(chunk.support.items, ElementsAre(10, 20, 21, 11, 12, 22, 23, 24, 25));
  EXPECT_THAT(chunk.support.labels, ElementsAre(1, 0, 0, 1, 0.5f, 0, 0, 0, 0));
  EXPECT_THAT(chunk.support.negatives, IsEmpty());
  EXPECT_THAT(chunk.support.times, IsEmpty());
  EXPECT_EQ(chunk.negatives_per_row, 0);
  EXPECT_FALSE(chunk.negatives_are_rows);
  EXPECT_EQ(chunk.number, 3);
  EXPECT_TRUE(chunk.hide_item_ids);
  EXPECT_THAT(chunk.task_ids, ElementsAre(7, 8));
}

TEST(WithNegativeRows, RowsWithoutDrawsStayAsTheyAre) {  // the query rows of an evaluation
  const Chunk chunk = WithNegativeRows(TwoTasks());
  EXPECT_THAT(chunk.query.offsets, ElementsAre(0, 1, 2));
  EXPECT_THAT(chunk.query.items, ElementsAre(13, 14));
  EXPECT_THAT(chunk.query.labels, ElementsAre(1, 1));
}

TEST(TaskOfChunk, KeepsTheFormOfNegatives) {
  const Chunk single = TaskOfChunk(TwoTasks(), 1);
  EXPECT_TRUE(single.negatives_are_rows);
  EXPECT_THAT(single.support.negatives, ElementsAre(22, 23, 24, 25));
}

}  // namespace
}  // namespace hearth

#include "trainer/table/fetched_rows.h"

#include <vector>

#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;

// Holds the rows of ids 2, 5 and 9 of the second table.
FetchedRows Fetched() {
  const std::vector<double> values = {20, 21, 50, 51, 90, 91};
  return {.tables = {{}, {{2, 5, 9}, at::tensor(values, at::kDouble).view({3, 2})}}};
}

std::vector<double> Gather(const std::vector<int64_t>& ids) {
  return ToDoubles(Fetched().Gather(1, "item.id", ids));
}

TEST(FetchedRows, AreFoundInAnyOrderAndRepeated) {
  EXPECT_THAT(Gather({2, 9}), ElementsAre(20, 21, 90, 91));
  EXPECT_THAT(Gather({9, 9, 2, 5}), ElementsAre(90, 91, 90, 91, 20, 21, 50, 51));
  EXPECT_THAT(Fetched().Gather(1, "item.id", {}).sizes(), ElementsAre(0, 2));
}

TEST(FetchedRows, RowThatWasNotFetchedIsABug) {
  for (const int64_t id : {1, 6, 10}) {
    EXPECT_DEATH(Gather({id}), "row .* of table item.id was not fetched");
  }
  EXPECT_DEATH(Fetched().Gather(0, "item.id", std::vector<int64_t>{2}), "no row of table item.id");
  EXPECT_DEATH(FetchedRows().Gather(0, "item.id", std::vector<int64_t>{2}),
               "no row of table item.id");
}

}  // namespace
}  // namespace hearth

#include "sampler/task_negatives.h"

#include <cmath>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "tests/sampler/test_dataset.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// Training: item 0 four times, item 1 twice, item 2 once, item 4 once; items 3 and 5 never.
testing::TestData SmallData() {
  testing::TestData data{.user_count = 6, .item_count = 6, .parts = {}};
  data.parts["train"] = {{{.id = 0, .items = {0, 1}}, {.id = 1, .items = {0, 2}}},
                         {{.id = 2, .items = {0, 1}}, {.id = 3, .items = {4, 0}}}};
  data.parts["validation/non_cold"] = {{{.id = 1, .items = {4}}}};
  data.parts["validation/user_cold"] = {{{.id = 5, .items = {0}}}};
  return data;
}

// Draws often for the first task of a part's first shard. Returns the share of each item, rounded
// to 0.05: only an error of seven standard deviations would round wrongly.
std::map<int64_t, double> SharesOf(const Dataset& dataset, Part part, NegativeSampling sampling) {
  const TaskNegatives negatives(dataset, part, {.negatives = 1, .negative_sampling = sampling});
  const TaskView task = dataset.Shard(dataset.ShardsOf(part).front()).task(0);
  const auto candidates = negatives.CandidatesFor(task);
  RandomStream stream(1, Purpose::kTest);
  constexpr int kDraws = 20'000;
  std::map<int64_t, double> shares;
  for (int i = 0; i < kDraws; ++i) ++shares[candidates.DrawOne(&stream)];
  for (auto& [item, share] : shares) share = std::round(20 * share / kDraws) / 20;
  return shares;
}

TEST(TaskNegatives, UniformInTrainingLeavesColdItemsOut) {
  const testing::TestDataset dataset(SmallData());
  EXPECT_THAT(SharesOf(*dataset, kTrainPart, NegativeSampling::kUniform),
              UnorderedElementsAre(Pair(2, 0.5), Pair(4, 0.5)));
}

TEST(TaskNegatives, UniformInEvaluationTakesTheWholeCatalogue) {
  const testing::TestDataset dataset(SmallData());
  const Part part{Split::kValidation, Scenario::kUserCold};
  EXPECT_THAT(
      SharesOf(*dataset, part, NegativeSampling::kUniform),
      UnorderedElementsAre(Pair(1, 0.2), Pair(2, 0.2), Pair(3, 0.2), Pair(4, 0.2), Pair(5, 0.2)));
}

TEST(TaskNegatives, PopularityCountsTrainingEvents) {
  const testing::TestDataset dataset(SmallData());
  const Part part{Split::kValidation, Scenario::kUserCold};
  EXPECT_THAT(SharesOf(*dataset, part, NegativeSampling::kPopularity),
              UnorderedElementsAre(Pair(1, 0.5), Pair(2, 0.25), Pair(4, 0.25)));
}

TEST(TaskNegatives, TrainingEventsOfAnEvaluatedTaskAreSeenToo) {
  const testing::TestDataset dataset(SmallData());
  const Part part{Split::kValidation, Scenario::kNonCold};
  EXPECT_THAT(SharesOf(*dataset, part, NegativeSampling::kPopularity),
              UnorderedElementsAre(Pair(1, 1.0)));
}

TEST(TaskNegatives, TaskThatHasSeenEverythingIsNamed) {
  testing::TestData data{.user_count = 8, .item_count = 3, .parts = {}};
  data.parts["train"] = {{{.id = 7, .items = {2, 1, 0}}}};
  const testing::TestDataset dataset(data);
  const TaskNegatives negatives(*dataset, kTrainPart, {.negatives = 1});
  try {
    negatives.CandidatesFor((*dataset).Shard(0).task(0));
    ADD_FAILURE() << "not refused";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("'u7'"), HasSubstr(dataset.folder()),
                                    HasSubstr("tasks.negatives")));
  }
}

}  // namespace
}  // namespace hearth

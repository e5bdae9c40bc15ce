#include "trainer/model/two_towers.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/trainer/support/models_and_methods.h"
#include "tests/trainer/support/small_world.h"

namespace hearth {
namespace {

class EveryModel : public ::testing::TestWithParam<ModelOptions::Type> {};

INSTANTIATE_TEST_SUITE_P(, EveryModel, ::testing::ValuesIn(kEveryModel),
                         [](const auto& test) { return TestNameOf(test.param); });

// A user side without fields encodes to zeros. A score that is a product with these zeros would be
// the same for all items, from the start values on.
TEST_P(EveryModel, TellsItemsApartWithoutAnyUserField) {
  LearnerOptions options;
  options.model.type = GetParam();
  const SmallWorld world(options, at::kDouble);
  InputSchema schema = *world.learner().schema();
  schema.task_fields.clear();
  const Learner learner(std::make_shared<const InputSchema>(schema), options, at::kDouble);
  const auto users =
      std::make_shared<const EntityTable>(EntityTable{.ids = {"u"}, .titles = {}, .features = {}});
  const DataBinding data(*learner.schema(), users, schema.catalogue.items,
                         learner.tensor_options());
  const MetaParameters start = learner.InitialParameters(TableOptimizer::kAdam, /*seed=*/11);
  std::vector<int64_t> items;
  for (int64_t item = 0; item < SmallWorld::kItems; ++item) items.push_back(item);
  const std::vector<double> scores = learner.ScoreItems(start, data.builder(), {}, 0, items);
  EXPECT_EQ(std::ssize(std::set<double>(scores.begin(), scores.end())), SmallWorld::kItems);
}

}  // namespace
}  // namespace hearth

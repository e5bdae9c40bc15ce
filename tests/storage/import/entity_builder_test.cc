#include "storage/import/entity_builder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::ElementsAre;

TEST(EntityBuilder, KnowsItsCategoriesAgainAfterManyMoreFeatures) {
  BadRows bad_rows(BadRowRule::kRefuse, 0);
  EntityBuilder builder({"a", "b"}, /*add_unseen=*/false, &bad_rows);
  const size_t genre = builder.Feature("genre", FeatureKind::kCategory);
  builder.AddCategory(genre, 0, "drama");
  for (int f = 0; f < 20; ++f) {
    const size_t other = builder.Feature(fmt::format("f{}", f), FeatureKind::kCategory);
    builder.AddCategory(other, 0, fmt::format("value {}", f));
  }
  builder.AddCategory(genre, 1, "drama");
  const EntityTable table = builder.Build();
  EXPECT_THAT(table.features.front().vocabulary, ElementsAre("", "drama"));
  EXPECT_THAT(table.features.front().categories, ElementsAre(1, 1));
}

}  // namespace
}  // namespace hearth

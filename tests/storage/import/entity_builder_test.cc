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

TEST(EntityBuilder, KeepsSeveralNumbersOfAnEntityAsCategories) {
  BadRows bad_rows(BadRowRule::kRefuse, 0);
  EntityBuilder builder({"a", "b"}, /*add_unseen=*/false, &bad_rows);
  const size_t one = builder.Feature("one", FeatureKind::kCategories, /*is_guessed=*/true);
  const size_t many = builder.Feature("many", FeatureKind::kCategories, /*is_guessed=*/true);
  for (const size_t feature : {one, many}) builder.AddCategory(feature, 0, "0.5");
  builder.AddCategory(many, 0, "0.75");
  const EntityTable table = builder.Build();
  EXPECT_EQ(table.FindFeature("one")->kind, FeatureKind::kNumber);
  EXPECT_EQ(table.FindFeature("many")->kind, FeatureKind::kCategories) << "no number is lost";
}

}  // namespace
}  // namespace hearth

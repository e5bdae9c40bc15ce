#include "storage/shard/feature_table.h"

#include <gtest/gtest.h>

#include "tests/storage/shard/dataset_fixture.h"

namespace hearth {
namespace {

using testing_data::Items;
using testing_data::Users;

std::vector<int32_t> Categories(const FeatureColumn& feature, int64_t entity) {
  const auto [begin, end] = feature.CategoriesOf(entity);
  return {begin, end};
}

TEST(EntityTable, TitleOfFallsBackToTheId) {
  EXPECT_EQ(Items().TitleOf(0), "Alien (1979)");
  EXPECT_EQ(Items().TitleOf(1), "i1");
  EXPECT_EQ(Users().TitleOf(3), "u3");
}

TEST(EntityTable, FindsFeaturesByName) {
  const EntityTable items = Items();
  ASSERT_NE(items.FindFeature("genres"), nullptr);
  EXPECT_EQ(items.FindFeature("genres")->kind, FeatureKind::kCategories);
  EXPECT_EQ(items.FindFeature("genre"), nullptr);
}

TEST(FeatureColumn, CategoriesOfEachKind) {
  const EntityTable items = Items();
  const EntityTable users = Users();
  EXPECT_EQ(Categories(*items.FindFeature("genres"), 0), (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(Categories(*items.FindFeature("genres"), 1), std::vector<int32_t>{});
  EXPECT_EQ(Categories(*items.FindFeature("genres"), 5), std::vector<int32_t>{3});
  EXPECT_EQ(Categories(*users.FindFeature("city"), 1), std::vector<int32_t>{2});
  EXPECT_EQ(Categories(*users.FindFeature("age"), 1), std::vector<int32_t>{});
  EXPECT_EQ(Categories(*items.FindFeature("embedding"), 1), std::vector<int32_t>{});
}

TEST(IdIndex, FindsEveryId) {
  const EntityTable users = Users();
  const IdIndex index = BuildIdIndex(users);
  ASSERT_EQ(std::ssize(index), users.size());
  EXPECT_EQ(index.at("u4"), 4);
}

TEST(FeatureKind, NamesOfTheFourKinds) {
  EXPECT_EQ(NameOf(FeatureKind::kCategory), "category");
  EXPECT_EQ(NameOf(FeatureKind::kCategories), "categories");
  EXPECT_EQ(NameOf(FeatureKind::kNumber), "number");
  EXPECT_EQ(NameOf(FeatureKind::kVector), "vector");
}

}  // namespace
}  // namespace hearth

#include "trainer/model/bound_entities.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "tests/tools/message_of.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

FeatureColumn Genres(std::vector<std::string> vocabulary, std::vector<int32_t> categories,
                     std::vector<int64_t> offsets) {
  FeatureColumn column;
  column.name = "genre";
  column.kind = FeatureKind::kCategories;
  column.vocabulary = std::move(vocabulary);
  column.categories = std::move(categories);
  column.offsets = std::move(offsets);
  return column;
}

FeatureColumn Years(std::vector<float> numbers) {
  FeatureColumn column;
  column.name = "year";
  column.kind = FeatureKind::kNumber;
  column.numbers = std::move(numbers);
  return column;
}

std::shared_ptr<const EntityTable> Table(std::vector<std::string> ids,
                                         std::vector<FeatureColumn> features) {
  return std::make_shared<const EntityTable>(
      EntityTable{.ids = std::move(ids), .titles = {}, .features = std::move(features)});
}

// Three training items, of which "b" has no row of its own; genres drama and comedy; years around
// 2000 with a deviation of 2.
class BoundEntitiesTest : public ::testing::Test {
 protected:
  BoundEntitiesTest() {
    catalogue_.items = Table({"a", "b", "c"}, {});
    catalogue_.id_rows = {1, 0, 2};
    catalogue_.event_counts = {5, 1, 9};
  }
  BoundEntities Bind(std::shared_ptr<const EntityTable> items) const {
    return BoundEntities("item", fields_, catalogue_, std::move(items));
  }

  Catalogue catalogue_;
  std::vector<FieldSchema> fields_ = {{.name = "item.genre",
                                       .kind = FieldKind::kCategories,
                                       .row_count = 3,
                                       .vocabulary = {"", "drama", "comedy"}},
                                      {.name = "item.year",
                                       .kind = FieldKind::kNumber,
                                       .mean = {2000.0},
                                       .inverse_deviation = {0.5}},
                                      {.name = "item.id", .kind = FieldKind::kId, .row_count = 3}};
};

TEST_F(BoundEntitiesTest, IdsAndCategoriesAreMatchedByTheirText) {
  const BoundEntities bound =
      Bind(Table({"c", "new", "b", "a"},
                 {Genres({"", "war", "comedy", "drama"}, {2, 3, 1, 3, 2}, {0, 2, 3, 3, 5}),
                  Years({2004, std::nanf(""), 1998, 2000})}));
  const std::vector<int64_t> all = {0, 1, 2, 3};
  const FieldIds genres = bound.Ids(0, all, false);
  EXPECT_THAT(genres.ids, ElementsAre(2, 1, 0, 1, 2));  // war is new: the unknown row
  EXPECT_THAT(genres.segment, ElementsAre(0, 0, 1, 3, 3));
  EXPECT_THAT(bound.Ids(2, all, false).ids, ElementsAre(2, 0, 0, 1));
  EXPECT_THAT(bound.Ids(2, all, true).ids, ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(bound.Numbers(1, all), ElementsAre(2.0f, 0.0f, -1.0f, 0.0f));
  const BindingReport& report = bound.report();
  EXPECT_EQ(report.entity_count, 4);
  EXPECT_EQ(report.known_count, 3);
  EXPECT_EQ(report.fields[0].value_count, 3);
  EXPECT_EQ(report.fields[0].known_count, 2);
}

TEST_F(BoundEntitiesTest, AColumnThatIsMissingIsUnknownForAllAndSaidToBe) {
  const BoundEntities bound = Bind(Table({"a"}, {Years({2002})}));
  const std::vector<int64_t> all = {0, kUnknownEntity};
  EXPECT_TRUE(bound.Ids(0, all, false).ids.empty());
  EXPECT_THAT(bound.Numbers(1, all), ElementsAre(1.0f, 0.0f));
  EXPECT_THAT(bound.Ids(2, all, false).ids, ElementsAre(1, 0));
  EXPECT_TRUE(bound.report().fields[0].missing);
  EXPECT_FALSE(bound.report().fields[1].missing);
}

TEST_F(BoundEntitiesTest, ColumnsThatNoFieldReadsAreNamed) {
  FeatureColumn studio;
  studio.name = "studio";
  studio.vocabulary = {"", "x"};
  studio.categories = {1};
  EXPECT_THAT(Bind(Table({"a"}, {studio})).report().unused_columns, ElementsAre("studio"));
}

TEST_F(BoundEntitiesTest, AColumnOfAnotherKindOrWidthIsRefused) {
  FeatureColumn year;
  year.name = "year";
  year.vocabulary = {"", "2000"};
  year.categories = {1};
  EXPECT_THAT(MessageOf<DataError>([&] { Bind(Table({"a"}, {year})); }),
              HasSubstr("column 'year' of the items is of kind category, but the model was trained "
                        "with number"));
  fields_[1].kind = FieldKind::kVector;
  fields_[1].mean = fields_[1].inverse_deviation = {1.0, 1.0};
  FeatureColumn vector = Years({1, 2, 3});
  vector.kind = FeatureKind::kVector;
  vector.width = 3;
  EXPECT_THAT(MessageOf<DataError>([&] { Bind(Table({"a"}, {vector})); }),
              HasSubstr("has 3 numbers, but the model was trained with 2"));
}

TEST_F(BoundEntitiesTest, TheCatalogueItselfKeepsItsRows) {
  const BoundEntities bound = Bind(catalogue_.items);
  EXPECT_EQ(bound.IdRowOf(0), 1);
  EXPECT_EQ(bound.IdRowOf(1), 0);
  EXPECT_EQ(bound.IdRowOf(2), 2);
  EXPECT_EQ(bound.report().known_count, 3);
}

}  // namespace
}  // namespace hearth

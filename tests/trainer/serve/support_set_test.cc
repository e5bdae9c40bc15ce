#include "trainer/serve/support_set.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "tests/storage/shard/dataset_fixture.h"
#include "tests/tools/message_of.h"
#include "trainer/model/data_binding.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The tiny data set of ratings in [1, 5]: users u0..u5, items i0..i5.
class SupportSetTest : public ::testing::Test {
 protected:
  SupportSetTest() : folder_(testing_data::NewFolder()) { testing_data::WriteDataset(folder_); }
  ~SupportSetTest() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& text) const {
    std::ofstream(folder_ + "/given.tsv") << text;
    return folder_ + "/given.tsv";
  }
  std::vector<SupportSet> Support(const std::string& text) const {
    const Dataset dataset({.path = folder_});
    const InputSchema schema = MakeInputSchema(dataset, {});
    const DataBinding data(schema, dataset, at::TensorOptions());
    return ReadSupportFile(Write(text), schema, data);
  }
  std::vector<SupportSet> UsersOf(const std::string& text) const {
    return ReadUsersFile(Write(text), Dataset({.path = folder_}));
  }

  std::string folder_;
};

TEST_F(SupportSetTest, RowsOfAUserMakeOneSetInOrderOfAppearance) {
  const auto sets = Support("user\titem\tlabel\nnobody\ti3\t2\nu4\ti1\t5\nnobody\ti0\t4.5\n");
  ASSERT_EQ(sets.size(), 2u);
  EXPECT_EQ(sets[0].user, "nobody");
  EXPECT_EQ(sets[0].owner, kUnknownEntity);
  EXPECT_THAT(sets[0].items, ElementsAre(3, 0));
  EXPECT_THAT(sets[0].labels, ElementsAre(2.0f, 4.5f));
  EXPECT_EQ(sets[1].user, "u4");
  EXPECT_EQ(sets[1].owner, 4);
  EXPECT_THAT(sets[1].items, ElementsAre(1));
}

TEST_F(SupportSetTest, UnknownItemsAndLabelsOutOfRangeAreRefusedWithTheirPlace) {
  EXPECT_THAT(MessageOf<DataError>([&] { Support("item\tlabel\ni1\t3\nnone\t3\n"); }),
              HasSubstr("given.tsv:3: item is 'none': the catalogue has no such item"));
  for (const std::string label : {"0.5", "77"}) {
    EXPECT_THAT(MessageOf<DataError>([&] { Support("item\tlabel\ni1\t" + label + "\n"); }),
                HasSubstr("given.tsv:2: label is '" + label +
                          "': labels of the training data are in [1, 5]"));
  }
}

TEST_F(SupportSetTest, OnlyADataSetOfPositivesNeedsNoLabels) {
  EXPECT_THAT(MessageOf<DataError>([&] { Support("item\ni1\n"); }),
              AllOf(HasSubstr("its header has no column 'label'"),
                    HasSubstr("the labels of the training data differ")));
  const Dataset dataset({.path = folder_});
  InputSchema schema = MakeInputSchema(dataset, {});
  schema.positive_only = true;
  schema.label_min = schema.label_max = 1;
  const DataBinding data(schema, dataset, at::TensorOptions());
  const auto sets = ReadSupportFile(Write("item\ni1\ni2\n"), schema, data);
  ASSERT_EQ(sets.size(), 1u);
  EXPECT_EQ(sets[0].user, "new");
  EXPECT_THAT(sets[0].labels, ElementsAre(1.0f, 1.0f));
}

TEST_F(SupportSetTest, UsersBringTheirTrainingEventsOrElseAll) {
  const auto sets = UsersOf("u3\nu0\nu3\n");
  ASSERT_EQ(sets.size(), 2u);  // u3 is named twice
  EXPECT_EQ(sets[0].owner, 3);
  EXPECT_THAT(sets[0].items, ElementsAre(0, 1, 2));  // of test/user_cold: it has no others
  EXPECT_THAT(sets[0].labels, ElementsAre(4.0f, 2.0f, 5.0f));
  EXPECT_EQ(sets[1].owner, 0);
  EXPECT_THAT(sets[1].items, ElementsAre(0, 1, 2));  // not those of test/item_cold
}

TEST_F(SupportSetTest, UsersThatTheDataSetDoesNotHaveAreRefused) {
  EXPECT_THAT(MessageOf<DataError>([&] { UsersOf("u0\nnobody\n"); }),
              AllOf(HasSubstr("given.tsv:2: the data set '"), HasSubstr("has no user 'nobody'")));
}

TEST(ChunkOfSupport, HoldsTheSupportAndOneQueryRow) {
  const Chunk chunk = ChunkOf({.user = "u", .owner = 4, .items = {3, 1}, .labels = {2.0f, 5.0f}});
  EXPECT_THAT(chunk.task_ids, ElementsAre(4));
  EXPECT_THAT(chunk.support.items, ElementsAre(3, 1));
  EXPECT_THAT(chunk.support.labels, ElementsAre(2.0f, 5.0f));
  EXPECT_THAT(chunk.support.offsets, ElementsAre(0, 2));
  EXPECT_THAT(chunk.query.items, ElementsAre(3));
  EXPECT_THAT(chunk.query.offsets, ElementsAre(0, 1));
  EXPECT_TRUE(chunk.support.negatives.empty());
}

Chunk WithDraws(const SupportSet& support, uint64_t seed, bool are_rows = false) {
  // Item 5 has no training event.
  const NegativeSampler sampler(std::vector<int64_t>{1, 1, 1, 1, 1, 0});
  Chunk chunk = ChunkOf(support);
  DrawNegatives(support, sampler, {.per_row = 40, .are_rows = are_rows, .seed = seed}, chunk);
  return chunk;
}

TEST(DrawNegatives, DrawsTrainedItemsOutsideTheSupportFromSeedAndUser) {
  const SupportSet support{
      .user = "u", .owner = kUnknownEntity, .items = {3, 1}, .labels = {1.0f, 1.0f}};
  const Chunk chunk = WithDraws(support, 1);
  ASSERT_EQ(chunk.support.negatives.size(), 80u);
  ASSERT_EQ(chunk.query.negatives.size(), 40u);
  EXPECT_EQ(chunk.negatives_per_row, 40);
  EXPECT_FALSE(chunk.negatives_are_rows);
  EXPECT_TRUE(WithDraws(support, 1, true).negatives_are_rows);
  std::vector<int64_t> drawn = chunk.support.negatives;
  std::ranges::sort(drawn);
  drawn.erase(std::unique(drawn.begin(), drawn.end()), drawn.end());
  EXPECT_THAT(drawn, ElementsAre(0, 2, 4));
  EXPECT_EQ(WithDraws(support, 1).support.negatives, chunk.support.negatives);
  EXPECT_NE(WithDraws(support, 2).support.negatives, chunk.support.negatives);
  SupportSet other = support;
  other.user = "v";
  EXPECT_NE(WithDraws(other, 1).support.negatives, chunk.support.negatives);
}

TEST(DrawNegatives, RefusesASupportThatHoldsEveryTrainedItem) {
  const SupportSet support{.user = "u", .items = {0, 1, 2, 3, 4}, .labels = {1, 1, 1, 1, 1}};
  EXPECT_THAT(MessageOf<DataError>([&] { WithDraws(support, 1); }), HasSubstr("user 'u'"));
}

// Item ids match by their text: the bound table lists the items in another order.
TEST_F(SupportSetTest, TheCatalogueWeighsBoundItemsByTheirTrainingEvents) {
  const Dataset dataset({.path = folder_});
  InputSchema schema = MakeInputSchema(dataset, {});
  schema.catalogue.event_counts = {0, 3, 0, 0, 0, 1};
  auto bound = std::make_shared<EntityTable>();
  bound->ids = {"i5", "new", "i1", "i0"};
  const DataBinding data(schema, std::make_shared<const EntityTable>(), bound, at::TensorOptions());
  const auto weight_without = [&](NegativeSampling sampling, std::vector<int64_t> seen) {
    return CatalogueSampler(schema.catalogue, data.items(), sampling).Without(seen).weight();
  };
  EXPECT_EQ(weight_without(NegativeSampling::kUniform, {}), 2);
  EXPECT_EQ(weight_without(NegativeSampling::kUniform, {2}), 1);
  EXPECT_EQ(weight_without(NegativeSampling::kPopularity, {}), 4);
  EXPECT_EQ(weight_without(NegativeSampling::kPopularity, {0}), 3);
  EXPECT_EQ(weight_without(NegativeSampling::kPopularity, {1, 3}), 4);
}

}  // namespace
}  // namespace hearth

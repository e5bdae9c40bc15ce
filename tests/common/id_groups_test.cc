#include "common/id_groups.h"

#include <limits>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/random.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kGreatest = std::numeric_limits<int64_t>::max();

// Draws ids of [base, base + range) with repetition; range 0 stands for all of int64.
std::vector<int64_t> RandomIds(int64_t count, int64_t base, uint64_t range) {
  RandomStream random(3, Purpose::kTest, static_cast<uint64_t>(count), range);
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t draw = range == 0 ? random.NextUint64() : random.NextBelow(range);
    ids.push_back(static_cast<int64_t>(static_cast<uint64_t>(base) + draw));
  }
  return ids;
}

struct List {
  std::string name;
  std::vector<int64_t> ids;
};

class AnyList : public ::testing::TestWithParam<List> {};

TEST_P(AnyList, GroupsAgreeWithAMapOfPlaces) {
  const std::vector<int64_t>& ids = GetParam().ids;
  std::map<int64_t, std::vector<int64_t>> expected;
  for (size_t i = 0; i < ids.size(); ++i) expected[ids[i]].push_back(static_cast<int64_t>(i));

  const IdGroups groups(ids);
  ASSERT_EQ(groups.size(), std::ssize(expected));
  const std::vector<int64_t> group_of = groups.GroupOfEach();
  ASSERT_EQ(group_of.size(), ids.size());
  int64_t group = 0;
  std::vector<int64_t> all_places;
  for (const auto& [id, places] : expected) {
    EXPECT_EQ(groups.ids()[group], id);
    const auto found = groups.Places(group);
    EXPECT_EQ(std::vector<int64_t>(found.begin(), found.end()), places);
    for (const int64_t place : places) EXPECT_EQ(group_of[place], group);
    all_places.insert(all_places.end(), places.begin(), places.end());
    ++group;
  }
  EXPECT_EQ(std::vector<int64_t>(groups.places().begin(), groups.places().end()), all_places);
  ASSERT_EQ(std::ssize(groups.begins()), groups.size() + 1);
  EXPECT_EQ(groups.begins().back(), std::ssize(ids));
}

TEST_P(AnyList, AscendsWhenOrderedWithoutDuplicates) {
  const std::vector<int64_t>& ids = GetParam().ids;
  bool expected = true;
  for (size_t i = 1; i < ids.size(); ++i) expected = expected && ids[i - 1] < ids[i];
  EXPECT_EQ(Ascends(ids), expected);
  const IdGroups groups(ids);
  EXPECT_TRUE(Ascends(groups.ids()));
  std::vector<int64_t> twice = groups.ids();
  if (twice.empty()) return;
  twice.push_back(twice.back());
  EXPECT_FALSE(Ascends(twice));
}

TEST_P(AnyList, RowSumsAddTheRowsOfAGroupInTheOrderOfTheList) {
  const std::vector<int64_t>& ids = GetParam().ids;
  for (const int64_t dim : {1, 3, 32}) {
    RandomStream random(4, Purpose::kTest);
    std::vector<float> rows;
    for (int64_t i = 0; i < std::ssize(ids) * dim; ++i) {
      rows.push_back(static_cast<float>(random.NextNormal()));
    }
    // Doubling shows a conversion that is left out; the last bits show the order of additions.
    std::map<int64_t, std::vector<float>> expected;
    for (size_t i = 0; i < ids.size(); ++i) {
      std::vector<float>& sum = expected[ids[i]];
      sum.resize(dim);
      for (size_t d = 0; d < sum.size(); ++d) {
        sum[d] += 2.0f * rows[i * dim + d];
      }
    }
    const IdGroups groups(ids);
    std::vector<float> sums(groups.size() * dim);
    SumRowsByGroup(
        groups, rows.data(), dim, [](float x) { return 2.0f * x; }, sums.data());
    size_t position = 0;
    for (const auto& [id, sum] : expected) {
      for (const float value : sum) EXPECT_EQ(sums[position++], value) << id;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    IdGroups, AnyList,
    ::testing::Values(List{"None", {}}, List{"One", {7}}, List{"TwoEqual", {-3, -3}},
                      List{"EndsOfTheRange", {kGreatest, 0, kLeast, kGreatest, -1, kLeast}},
                      List{"Few", RandomIds(150, -20, 60)},
                      List{"FewOfAllInt64", RandomIds(150, 0, 0)},
                      List{"AllEqual", std::vector<int64_t>(1000, 5)},
                      List{"OneDigit", RandomIds(3000, 100, 4096)},
                      List{"TwoDigits", RandomIds(3000, -1000, 1 << 13)},
                      List{"ThreeDigits", RandomIds(5000, kLeast, uint64_t{1} << 33)},
                      List{"ManyOfAllInt64", RandomIds(3000, 0, 0)}),
    [](const auto& list) { return list.param.name; });

TEST(IdGroups, TakeIdsGivesTheDistinctIds) {
  EXPECT_THAT(IdGroups(std::vector<int64_t>{5, 2, 5, 9}).TakeIds(), ElementsAre(2, 5, 9));
  EXPECT_THAT(IdGroups(std::vector<int64_t>{}).TakeIds(), IsEmpty());
}

}  // namespace
}  // namespace hearth

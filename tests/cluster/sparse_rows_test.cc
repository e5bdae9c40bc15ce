#include "cluster/sparse_rows.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/fixed_point.h"
#include "common/random.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;

constexpr int kOwners = 3;
constexpr int64_t kRowCount = 50, kDim = 4;

// Makes rows like the rows of chunks: ids repeat. Values are eighths up to 8, so that any order of
// additions gives the same float.
SparseRows<float> RandomRows(uint64_t seed, int64_t count) {
  RandomStream random(seed, Purpose::kTest);
  SparseRows<float> rows;
  for (int64_t i = 0; i < count; ++i) {
    rows.ids.push_back(static_cast<int64_t>(random.NextBelow(kRowCount)));
    for (int64_t d = 0; d < kDim; ++d) {
      rows.rows.push_back(static_cast<float>(random.NextBelow(128)) / 8.0f - 8.0f);
    }
  }
  return rows;
}

std::map<int64_t, std::vector<float>> SumsById(const std::vector<SparseRows<float>>& ranks) {
  std::map<int64_t, std::vector<float>> sums;
  for (const SparseRows<float>& rows : ranks) {
    for (size_t i = 0; i < rows.ids.size(); ++i) {
      std::vector<float>& sum = sums[rows.ids[i]];
      sum.resize(kDim);
      for (size_t d = 0; d < kDim; ++d) sum[d] += rows.rows[i * kDim + d];
    }
  }
  return sums;
}

TableShape Shape(Wire wire = Wire::kFull) {
  return {
      .dim = kDim, .partition = RowPartition(kRowCount, kOwners), .sharded = true, .wire = wire};
}

// Makes a request for every row.
RowRequest AskForAll(const TableShape& shape) {
  std::vector<int64_t> all(kRowCount);
  for (int64_t id = 0; id < kRowCount; ++id) all[id] = id;
  return {std::span(&shape, 1), {all}};
}

template <typename Unit>
std::vector<MessageWriter> Written(const Unit& unit, const SparseRows<float>& local,
                                   const TableShape& shape) {
  std::vector<MessageWriter> to_owner(kOwners);
  WriteRowSums(unit, local, shape, AskForAll(shape), /*table=*/0, to_owner);
  return to_owner;
}

// Adds up the rows of all ranks at their owners.
template <typename Unit>
std::map<int64_t, std::vector<float>> SumsOfOwners(const Unit& unit,
                                                   const std::vector<SparseRows<float>>& ranks) {
  const TableShape shape = Shape();
  const RowRequest request = AskForAll(shape);
  std::map<int64_t, std::vector<float>> sums;
  for (int owner = 0; owner < kOwners; ++owner) {
    SparseRows<NumberOf<Unit, float>> received;
    for (const SparseRows<float>& local : ranks) {
      const std::vector<MessageWriter> to_owner = Written(unit, local, shape);
      MessageReader message(to_owner[owner].bytes());
      ReadRowSums<float>(unit, shape, request.IdsOf(0, owner), message, received);
      EXPECT_TRUE(message.empty());
    }
    const SparseRows<float> sum = ToReals<float>(unit, MergeRows(Unrounded(), received, kDim));
    EXPECT_TRUE(Ascends(sum.ids));
    for (size_t i = 0; i < sum.ids.size(); ++i) {
      EXPECT_EQ(shape.partition.OwnerOf(sum.ids[i]), owner);
      const float* row = sum.rows.data() + i * kDim;
      EXPECT_TRUE(sums.emplace(sum.ids[i], std::vector<float>(row, row + kDim)).second);
    }
  }
  return sums;
}

TEST(SparseRows, OwnersGetTheSumsOfAllRanksById) {
  const std::vector<SparseRows<float>> ranks = {
      RandomRows(1, 40), RandomRows(2, 70), {}, RandomRows(3, 1)};
  EXPECT_EQ(SumsOfOwners(FixedPoint(8.0, 1000), ranks), SumsById(ranks));
  EXPECT_EQ(SumsOfOwners(Unrounded(), ranks), SumsById(ranks));
}

TEST(SparseRows, RowOfOneChunkTravelsAsItIsAndASumInTheNumbersOfTheUnit) {
  SparseRows<float> local{.ids = {7, 9, 7, 3}, .rows = std::vector<float>(4 * kDim, 0.5f)};
  const auto bytes = [&](const auto& unit, Wire wire) {
    int64_t sum = 0;
    for (const MessageWriter& part : Written(unit, local, Shape(wire))) {
      sum += std::ssize(part.bytes());
    }
    return sum - kRowCount;  // a state for each row asked for
  };
  EXPECT_EQ(bytes(FixedPoint(0.5, 4), Wire::kFull), kDim * (4 + 4 + 8));
  EXPECT_EQ(bytes(Unrounded(), Wire::kFull), kDim * (4 + 4 + 4));
  EXPECT_EQ(bytes(Unrounded(), Wire::kBfloat16), kDim * (2 + 2 + 2));
}

TEST(SparseRows, WireRoundsWhatTravelsNotWhatIsAdded) {
  const TableShape shape = Shape(Wire::kBfloat16);
  // 1 + 2^-9 is no bfloat16, but the sum is.
  const SparseRows<float> local{
      .ids = {5, 5}, .rows = {1.0f + 0x1p-9f, 0.0f, 1.0f, 2.0f, -1.0f, 0.0f, 1.0f + 0x1p-9f, 2.0f}};
  const auto owner = shape.partition.OwnerOf(5);
  const std::vector<MessageWriter> to_owner = Written(Unrounded(), local, shape);
  MessageReader message(to_owner[owner].bytes());
  SparseRows<float> received;
  ReadRowSums<float>(Unrounded(), shape, AskForAll(shape).IdsOf(0, static_cast<int>(owner)),
                     message, received);
  EXPECT_THAT(received.ids, ElementsAre(5));
  EXPECT_THAT(received.rows, ElementsAre(0x1p-9f, 0.0f, 2.0f, 4.0f));
}

TEST(SparseRows, MergesInTheOrderOfTheList) {
  const SparseRows<float> rows{.ids = {4, 1, 4, 4}, .rows = {1e8f, 5.0f, -1e8f, 1.0f}};
  const SparseRows<float> merged = MergeRows(Unrounded(), rows, /*dim=*/1);
  EXPECT_THAT(merged.ids, ElementsAre(1, 4));
  EXPECT_THAT(merged.rows, ElementsAre(5.0f, 1.0f));
  // Backwards it would be 0, but not in multiples of a unit.
  const SparseRows<int64_t> exact = MergeRows(FixedPoint(1e8, 4), rows, /*dim=*/1);
  EXPECT_THAT(ToReals<float>(FixedPoint(1e8, 4), exact).rows, ElementsAre(5.0f, 1.0f));
}

TEST(SparseRows, MultiplesOfAUnitThatWouldBeRoundedAreABug) {
  const SparseRows<float> local{.ids = {1}, .rows = std::vector<float>(kDim, 0.5f)};
  EXPECT_DEATH(Written(FixedPoint(0.5, 4), local, Shape(Wire::kBfloat16)), "wire == Wire::kFull");
}

}  // namespace
}  // namespace hearth

#pragma once

#include <cstdint>
#include <vector>

#include "common/random.h"
#include "trainer/evaluate/training_log.h"

namespace hearth {

/// Returns a log of two tasks over four items.
inline TrainingLog SmallLog() {
  TrainingLog log;
  log.column_count = 4;
  log.AddRow(std::vector<uint32_t>{0, 1}, std::vector<float>{5, 3});
  log.AddRow(std::vector<uint32_t>{0}, std::vector<float>{1});
  return log;
}

/// Makes logs over `columns` items. The labels follow a rank-2 taste model with biases and noise;
/// the same tastes serve to draw new users.
struct TasteWorld {
  static constexpr int64_t kRank = 2;
  int64_t column_count;
  std::vector<double> biases;   // [item]
  std::vector<double> factors;  // [item, kRank]

  explicit TasteWorld(int64_t columns) : column_count(columns) {
    RandomStream random(11, Purpose::kTest);
    for (int64_t item = 0; item < columns; ++item) {
      biases.push_back(0.5 * random.NextNormal());
      for (int64_t d = 0; d < kRank; ++d) factors.push_back(random.NextNormal());
    }
  }

  struct User {
    double bias;
    double taste[kRank];
  };
  static User DrawUser(RandomStream& random) {
    return {0.4 * random.NextNormal(), {0.7 * random.NextNormal(), 0.7 * random.NextNormal()}};
  }
  double Truth(const User& user, int64_t item) const {
    return 3.5 + user.bias + biases[item] + user.taste[0] * factors[2 * item] +
           user.taste[1] * factors[2 * item + 1];
  }

  /// Returns a log of `rows` tasks. Items from `seen_columns` on get no training events.
  TrainingLog Log(int64_t rows, int64_t events_per_row, int64_t seen_columns) const {
    TrainingLog log;
    log.column_count = column_count;
    for (int64_t row = 0; row < rows; ++row) {
      RandomStream random(12, Purpose::kTest, row);
      const User user = DrawUser(random);
      std::vector<uint32_t> items;
      std::vector<float> labels;
      for (const int64_t item : SampleWithoutReplacement(seen_columns, events_per_row, random)) {
        items.push_back(static_cast<uint32_t>(item));
        labels.push_back(static_cast<float>(Truth(user, item) + 0.3 * random.NextNormal()));
      }
      log.AddRow(items, labels);
    }
    return log;
  }
};

}  // namespace hearth

#include "trainer/evaluate/als.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/random.h"

namespace hearth {
namespace {

/// Standard deviation of the item factors before the first sweep.
constexpr double kStartScale = 0.1;

}  // namespace

AlsModel::AlsModel(const TrainingLog& log, const BiasModel& bias, const Options& options)
    : options_(options),
      positive_only_(log.positive_only),
      mean_(log.positive_only ? 0.0 : bias.mean()),
      item_count_(log.column_count),
      items_(log.column_count * width(), 0.0),
      users_(log.row_count() * width(), 0.0),
      mean_user_(width(), 0.0) {
  const TrainingLog by_item = log.Transposed();
  for (int64_t item = 0; item < item_count_; ++item) {
    if (by_item.ColumnsOf(item).empty()) continue;
    double* const vector = &items_[item * width()];
    if (!positive_only_) vector[0] = bias.column_bias(item);
    RandomStream random(options_.seed, Purpose::kBaseline, item);
    for (int64_t d = 1; d < width(); ++d) vector[d] = kStartScale * random.NextNormal();
  }
  for (int64_t sweep = 0; sweep < options_.sweeps; ++sweep) {
    SolveSide(log, items_, users_);
    SolveSide(by_item, users_, items_);
  }
  SolveSide(log, items_, users_);
  for (int64_t row = 0; row < log.row_count(); ++row) {
    const std::span<const double> user = UserVector(row);
    for (int64_t d = 0; d < width(); ++d) {
      mean_user_[d] += user[d] / static_cast<double>(log.row_count());
    }
  }
  item_gram_ = GramOf(items_);
}

std::span<const double> AlsModel::VectorOf(const std::vector<double>& side, int64_t index) const {
  return std::span(side).subspan(index * width(), width());
}

std::span<const double> AlsModel::ItemVector(int64_t item) const { return VectorOf(items_, item); }

std::span<const double> AlsModel::UserVector(int64_t row) const { return VectorOf(users_, row); }

std::vector<double> AlsModel::GramOf(const std::vector<double>& side) const {
  RidgeSystem sum(std::ssize(mean_user_));
  if (positive_only_) {
    for (int64_t begin = 0; begin < std::ssize(side); begin += width()) {
      sum.AddRow(std::span(side).subspan(begin, width()), 0.0);
    }
  }
  return std::vector<double>(sum.gram().begin(), sum.gram().end());
}

template <typename Index>
void AlsModel::SolveVector(std::span<const Index> others, std::span<const float> labels,
                           const std::vector<double>& other_side, std::span<const double> gram,
                           std::span<const double> prior, RidgeSystem& system,
                           std::span<double> result) const {
  system.Clear();
  system.AddGram(gram, options_.unseen_weight);
  std::vector<double> x(width());
  for (size_t event = 0; event < others.size(); ++event) {
    const std::span<const double> other = VectorOf(other_side, others[event]);
    std::ranges::copy(other, x.begin());
    if (positive_only_) {
      // No biases: the feature stays 0, hence the bias as well.
      x[0] = 0.0;
      const double root = std::sqrt(labels[event]);  // of the event's weight
      for (double& value : x) value *= root;
      system.AddRow(x, root);
    } else {
      x[0] = 1.0;
      system.AddRow(x, labels[event] - mean_ - other[0]);
    }
  }
  std::vector<double> ridge(width(), options_.ridge);
  ridge[0] = options_.bias_ridge;
  system.Solve(ridge, prior, result);
}

void AlsModel::SolveSide(const TrainingLog& log, const std::vector<double>& other_side,
                         std::vector<double>& side) const {
  const std::vector<double> gram = GramOf(other_side), prior(width(), 0.0);
  RidgeSystem system(std::ssize(prior));
  for (int64_t row = 0; row < log.row_count(); ++row) {
    if (log.ColumnsOf(row).empty()) continue;
    SolveVector(log.ColumnsOf(row), log.LabelsOf(row), other_side, gram, prior, system,
                std::span(side).subspan(row * width(), width()));
  }
}

std::vector<double> AlsModel::SolveUser(const Support& support) const {
  RidgeSystem system(std::ssize(mean_user_));
  std::vector<double> user(width());
  SolveVector(support.items, support.labels, items_, item_gram_, mean_user_, system, user);
  return user;
}

double AlsModel::Score(std::span<const double> user, int64_t item) const {
  const std::span<const double> vector = ItemVector(item);
  double score = mean_ + user[0] + vector[0];
  for (int64_t d = 1; d < width(); ++d) score += user[d] * vector[d];
  return score;
}

std::vector<double> AlsBaseline::Predict(const Support& support,
                                         std::span<const int64_t> items) const {
  const std::vector<double> user = model_.SolveUser(support);
  std::vector<double> scores;
  for (const int64_t item : items) scores.push_back(model_.Score(user, item));
  return scores;
}

}  // namespace hearth

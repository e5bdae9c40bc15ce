#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "trainer/evaluate/baseline.h"
#include "trainer/evaluate/bias_model.h"
#include "trainer/evaluate/ridge.h"

namespace hearth {

/// Biased matrix factorisation, fitted by alternating ridge regressions:
///   label = mean + b_user + b_item + p_user . q_item
/// The vector of a new user is one ridge regression of its support on [1, q_item], drawn to the
/// mean training user. Items without training events have b = 0 and q = 0, which gives the bias
/// prediction.
/// A model of a positive-only log has no biases. An event counts as 1 with its label as weight, and
/// an untouched pair as 0 with a small weight: the square of every pair's score has the weight
/// `unseen_weight`.
/// Sources: Koren, Bell & Volinsky 2009 (biases); Hu, Koren & Volinsky 2008 (positive-only).
class AlsModel {
 public:
  struct Options {
    int64_t dim = 8;              ///< factors, >= 1
    double ridge = 10.0;          ///< ridge of the factors, > 0
    double bias_ridge = 5.0;      ///< ridge of the biases, > 0
    double unseen_weight = 0.05;  ///< positive-only logs: weight of an untouched pair
    int64_t sweeps = 8;           ///< alternations, >= 1
    uint64_t seed = 0;            ///< seed of the start values
  };

  AlsModel(const TrainingLog& log, const BiasModel& bias, const Options& options);

  int64_t dim() const { return options_.dim; }
  double mean() const { return mean_; }
  int64_t item_count() const { return item_count_; }
  /// The vector [b_item, q_item] of an item, 1 + dim numbers; zeros without training events.
  std::span<const double> ItemVector(int64_t item) const;
  /// The vector [b_user, p_user] of the training user in a row of the log.
  std::span<const double> UserVector(int64_t row) const;
  /// The mean vector of the training users; the prior of a new user.
  const std::vector<double>& mean_user() const { return mean_user_; }

  /// Solves for the vector [b_user, p_user] of a new user, in closed form.
  std::vector<double> SolveUser(const Support& support) const;
  /// mean + b_user + b_item + p_user . q_item
  double Score(std::span<const double> user, int64_t item) const;

 private:
  int64_t width() const { return options_.dim + 1; }
  std::span<const double> VectorOf(const std::vector<double>& side, int64_t index) const;
  template <typename Index>
  void SolveVector(std::span<const Index> others, std::span<const float> labels,
                   const std::vector<double>& other_side, std::span<const double> gram,
                   std::span<const double> prior, RidgeSystem& system,
                   std::span<double> result) const;
  void SolveSide(const TrainingLog& log, const std::vector<double>& other_side,
                 std::vector<double>& side) const;
  /// The sum of f f^T over the vectors f of a side, for the unseen pairs of a positive-only log.
  /// Zeros for other logs.
  std::vector<double> GramOf(const std::vector<double>& side) const;

  Options options_;
  bool positive_only_;
  double mean_;
  int64_t item_count_;
  std::vector<double> items_, users_;  // [item or row, 1 + dim]
  std::vector<double> mean_user_;      // [1 + dim]
  std::vector<double> item_gram_;      // GramOf(items_)
};

class AlsBaseline : public Baseline {
 public:
  AlsBaseline(AlsModel model, bool positive_only)
      : model_(std::move(model)), positive_only_(positive_only) {}

  std::string_view name() const override { return "als"; }
  bool predicts_labels() const override { return !positive_only_; }
  std::vector<double> Predict(const Support& support,
                              std::span<const int64_t> items) const override;

 private:
  AlsModel model_;
  bool positive_only_;
};

}  // namespace hearth

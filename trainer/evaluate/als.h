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
/// A new user is one ridge regression of its support on [1, q_item], drawn to the mean training
/// user. Items without training events have b = 0 and q = 0: the bias prediction.
/// In a positive-only log there are no biases, and what a user did not touch counts as a 0 of small
/// weight: label 1 with weight 1, every pair's square of the score with `unseen_weight`.
/// Sources: Koren, Bell & Volinsky 2009 (biases); Hu, Koren & Volinsky 2008 (positive-only).
class AlsModel {
 public:
  struct Options {
    int64_t dim = 8;              ///< factors, >= 1
    double ridge = 10.0;          ///< of factors, > 0
    double bias_ridge = 5.0;      ///< of biases, > 0
    double unseen_weight = 0.05;  ///< positive-only logs: weight of a pair that did not happen
    int64_t sweeps = 8;           ///< alternations, >= 1
    uint64_t seed = 0;            ///< of the start values
  };

  AlsModel(const TrainingLog& log, const BiasModel& bias, const Options& options);

  int64_t dim() const { return options_.dim; }
  double mean() const { return mean_; }
  int64_t item_count() const { return item_count_; }
  /// An item's vector [b_item, q_item], 1 + dim numbers; zeros if it has no training events.
  std::span<const double> ItemVector(int64_t item) const;
  /// A training user's vector [b_user, p_user], by row of the log.
  std::span<const double> UserVector(int64_t row) const;
  /// Mean of the training users' vectors: the prior of a new one.
  const std::vector<double>& mean_user() const { return mean_user_; }

  /// A new user's vector [b_user, p_user] in closed form.
  std::vector<double> SolveUser(const Support& support) const;
  /// mean + b_user + b_item + p_user . q_item
  double Score(std::span<const double> user, int64_t item) const;

 private:
  size_t width() const { return static_cast<size_t>(options_.dim) + 1; }
  std::span<const double> VectorOf(const std::vector<double>& side, int64_t index) const;
  template <typename Index>
  void SolveOne(std::span<const Index> others, std::span<const float> labels,
                const std::vector<double>& other_side, std::span<const double> gram,
                std::span<const double> prior, RidgeSystem& system, std::span<double> result) const;
  void SolveSide(const TrainingLog& log, const std::vector<double>& other_side,
                 std::vector<double>& side) const;
  /// Sum over a side of f f^T: the unseen pairs of a positive-only log. Zeros for other logs.
  std::vector<double> GramOf(const std::vector<double>& side) const;

  Options options_;
  bool positive_only_;
  double mean_;
  int64_t item_count_;
  std::vector<double> items_, users_;  // [item or row, 1 + dim]
  std::vector<double> mean_user_;      // [1 + dim]
  std::vector<double> item_gram_;      // sum over items of q q^T, positive-only logs
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

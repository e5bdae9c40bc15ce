#pragma once

#include <cstdint>
#include <vector>

#include "trainer/evaluate/baseline.h"

namespace hearth {

/// The model label = mean + row bias + column bias. Ridge regression with alternating closed forms
/// minimises
///   sum (y - mean - b_row - b_column)^2 + row_ridge * sum b_row^2 + column_ridge * sum b_column^2
/// Source: Koren 2010, "Factor in the neighbors", section 2.1.
class BiasModel {
 public:
  struct Options {
    double row_ridge = 3.0;     ///< > 0; acts like this many events with the mean label
    double column_ridge = 3.0;  ///< > 0
    int64_t sweeps = 10;        ///< >= 1
  };

  BiasModel(const TrainingLog& log, const Options& options);

  double mean() const { return mean_; }
  /// [row] biases of the training tasks.
  const std::vector<double>& row_biases() const { return row_biases_; }
  /// [column] biases of the items; 0 for a column without events.
  const std::vector<double>& column_biases() const { return column_biases_; }
  double column_bias(int64_t column) const { return column_biases_[column]; }

  /// The bias of a new row, in closed form; 0 without support.
  double BiasOf(const Support& support) const;

 private:
  Options options_;
  double mean_;
  std::vector<double> row_biases_, column_biases_;
};

class BiasBaseline : public Baseline {
 public:
  explicit BiasBaseline(BiasModel model) : model_(std::move(model)) {}

  std::string_view name() const override { return "bias"; }
  std::vector<double> Predict(const Support& support,
                              std::span<const int64_t> items) const override;

 private:
  BiasModel model_;
};

}  // namespace hearth

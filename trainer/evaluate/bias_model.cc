#include "trainer/evaluate/bias_model.h"

namespace hearth {
namespace {

// Solves for the best bias of every row of `log`, given the mean and the biases of the columns.
void SolveBiases(const TrainingLog& log, double mean, const std::vector<double>& other_biases,
                 double ridge, std::vector<double>& biases) {
  for (int64_t row = 0; row < log.row_count(); ++row) {
    const std::span<const uint32_t> columns = log.ColumnsOf(row);
    const std::span<const float> labels = log.LabelsOf(row);
    double sum = 0.0;
    for (size_t event = 0; event < columns.size(); ++event) {
      sum += labels[event] - mean - other_biases[columns[event]];
    }
    biases[row] = sum / (static_cast<double>(columns.size()) + ridge);
  }
}

}  // namespace

BiasModel::BiasModel(const TrainingLog& log, const Options& options)
    : options_(options),
      mean_(log.MeanLabel()),
      row_biases_(log.row_count(), 0.0),
      column_biases_(log.column_count, 0.0) {
  const TrainingLog by_column = log.Transposed();
  for (int64_t sweep = 0; sweep < options.sweeps; ++sweep) {
    SolveBiases(by_column, mean_, row_biases_, options.column_ridge, column_biases_);
    SolveBiases(log, mean_, column_biases_, options.row_ridge, row_biases_);
  }
}

double BiasModel::BiasOf(const Support& support) const {
  double sum = 0.0;
  for (size_t event = 0; event < support.items.size(); ++event) {
    sum += support.labels[event] - mean_ - column_bias(support.items[event]);
  }
  return sum / (static_cast<double>(support.items.size()) + options_.row_ridge);
}

std::vector<double> BiasBaseline::Predict(const Support& support,
                                          std::span<const int64_t> items) const {
  const double base = model_.mean() + model_.BiasOf(support);
  std::vector<double> scores;
  for (const int64_t item : items) scores.push_back(base + model_.column_bias(item));
  return scores;
}

}  // namespace hearth

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include "trainer/adapt/meta_options.h"

namespace hearth {

/// A row of a task: the inputs of the head, a term added to its output, and the inputs of its
/// negatives.
struct PlainRow {
  std::vector<double> x;
  double label = 0.0, shift = 0.0;
  std::vector<std::vector<double>> negatives = {};
};
struct PlainTask {
  std::vector<PlainRow> support, query;
};

/// The values of all parameters, each as a list: W_0 [in, out] row by row, b_0, W_1, b_1, and so on
/// to the output layer, then the gain [1].
using PlainValues = std::vector<std::vector<double>>;

/// The inner loop. rates: [step][parameter][element]; 0: the element does not adapt.
struct PlainLoop {
  std::vector<PlainValues> rates;
  double support_prior = 0.0;
};

/// The oracle of gradient descent: a dense head and its inner loop in plain loops over doubles. It
/// shares no code with trainer/. The score of a row is
///   gain (h_L W_L + b_L + shift + offset),  h_{l+1} = act(h_l W_l + b_l).
struct PlainHead {
  using Activation = ModelOptions::Activation;
  using Loss = MetaOptions::Loss;

  std::vector<int64_t> widths;  ///< width of the input, then of each output
  Activation activation = Activation::kTanh;
  Loss loss = Loss::kMse;
  double offset = 0.0;

  int64_t layers() const { return std::ssize(widths) - 1; }

  /// Values of this shape, all zero.
  PlainValues Zeros() const {
    PlainValues values;
    for (int64_t l = 0; l < layers(); ++l) {
      values.emplace_back(widths[l] * widths[l + 1], 0.0);
      values.emplace_back(widths[l + 1], 0.0);
    }
    values.push_back({0.0});
    return values;
  }

  double Act(double z) const {
    switch (activation) {
      case Activation::kRelu:
        return std::max(z, 0.0);
      case Activation::kGelu:
        return 0.5 * z * std::erfc(-z / std::sqrt(2.0));
      case Activation::kTanh:
        return std::tanh(z);
      case Activation::kIdentity:
        break;
    }
    return z;
  }
  double ActSlope(double z) const {
    switch (activation) {
      case Activation::kRelu:
        return z > 0.0 ? 1.0 : 0.0;
      case Activation::kGelu:
        return 0.5 * std::erfc(-z / std::sqrt(2.0)) +
               z * std::exp(-0.5 * z * z) / std::sqrt(2.0 * std::acos(-1.0));
      case Activation::kTanh:
        return 1.0 - std::tanh(z) * std::tanh(z);
      case Activation::kIdentity:
        break;
    }
    return 1.0;
  }

  /// The inputs of each layer, and the output in the last place, before the activations.
  std::vector<std::vector<double>> Forward(const PlainValues& values,
                                           const std::vector<double>& x) const {
    std::vector<std::vector<double>> z = {x};
    for (int64_t l = 0; l < layers(); ++l) {
      std::vector<double> next = values[2 * l + 1];
      for (int64_t i = 0; i < widths[l]; ++i) {
        const double h = l == 0 ? x[i] : Act(z[l][i]);
        for (int64_t j = 0; j < widths[l + 1]; ++j)
          next[j] += h * values[2 * l][i * widths[l + 1] + j];
      }
      z.push_back(next);
    }
    return z;
  }
  double Score(const PlainValues& values, const std::vector<double>& x, double shift) const {
    return values.back()[0] * (Forward(values, x).back()[0] + shift + offset);
  }

  /// Adds factor * d score / d values to `sum`.
  void AddScoreGradient(const PlainValues& values, const std::vector<double>& x, double shift,
                        double factor, PlainValues& sum) const {
    const std::vector<std::vector<double>> z = Forward(values, x);
    sum.back()[0] += factor * (z.back()[0] + shift + offset);
    std::vector<double> delta = {factor * values.back()[0]};
    for (int64_t l = layers() - 1; l >= 0; --l) {
      std::vector<double> below(widths[l], 0.0);
      for (int64_t j = 0; j < widths[l + 1]; ++j) sum[2 * l + 1][j] += delta[j];
      for (int64_t i = 0; i < widths[l]; ++i) {
        const double h = l == 0 ? x[i] : Act(z[l][i]);
        for (int64_t j = 0; j < widths[l + 1]; ++j) {
          sum[2 * l][i * widths[l + 1] + j] += h * delta[j];
          below[i] += values[2 * l][i * widths[l + 1] + j] * delta[j];
        }
        if (l > 0) below[i] *= ActSlope(z[l][i]);
      }
      delta = below;
    }
  }

  /// The mean loss of some rows.
  double LossOf(const PlainValues& values, const std::vector<PlainRow>& rows) const {
    double sum = 0.0;
    for (const PlainRow& row : rows) {
      const double y = Score(values, row.x, row.shift);
      if (loss == Loss::kMse) sum += (y - row.label) * (y - row.label);
      if (loss == Loss::kBce) sum += std::log(1.0 + std::exp(y)) - row.label * y;
      for (const std::vector<double>& negative : row.negatives) {
        const double margin = y - Score(values, negative, row.shift);
        sum += std::log(1.0 + std::exp(-margin)) / static_cast<double>(row.negatives.size());
      }
    }
    return sum / static_cast<double>(rows.size());
  }

  /// The gradient of LossOf by the values.
  PlainValues GradientOf(const PlainValues& values, const std::vector<PlainRow>& rows) const {
    PlainValues sum = Zeros();
    for (const PlainRow& row : rows) {
      const double y = Score(values, row.x, row.shift), n = static_cast<double>(rows.size());
      double slope = 0.0;
      if (loss == Loss::kMse) slope = 2.0 * (y - row.label);
      if (loss == Loss::kBce) slope = 1.0 / (1.0 + std::exp(-y)) - row.label;
      for (const std::vector<double>& negative : row.negatives) {
        const double margin = y - Score(values, negative, row.shift);
        const double part =
            1.0 / (1.0 + std::exp(margin)) / static_cast<double>(row.negatives.size());
        slope -= part;
        AddScoreGradient(values, negative, row.shift, part / n, sum);
      }
      AddScoreGradient(values, row.x, row.shift, slope / n, sum);
    }
    return sum;
  }

  /// The values after the inner loop, and the scaled gradient of each step.
  struct Adapted {
    PlainValues values;
    std::vector<PlainValues> gradients;  // [step]
  };
  Adapted Adapt(const PlainValues& start, const std::vector<PlainRow>& support,
                const PlainLoop& loop) const {
    const double n = static_cast<double>(support.size());
    Adapted adapted{start, {}};
    for (const PlainValues& rates : loop.rates) {
      PlainValues gradient = GradientOf(adapted.values, support);
      for (size_t p = 0; p < gradient.size(); ++p) {
        for (size_t i = 0; i < gradient[p].size(); ++i) {
          gradient[p][i] *= n / (n + loop.support_prior);
          adapted.values[p][i] -= rates[p][i] * gradient[p][i];
        }
      }
      adapted.gradients.push_back(gradient);
    }
    return adapted;
  }

  /// The sum of the query losses after the inner loop.
  double MetaLoss(const PlainValues& start, const std::vector<PlainTask>& tasks,
                  const PlainLoop& loop) const {
    double sum = 0.0;
    for (const PlainTask& task : tasks) {
      sum += LossOf(Adapt(start, task.support, loop).values, task.query);
    }
    return sum;
  }

  /// The first-order loss at `start`: the inner loops subtract the constants that they subtracted
  /// from `center`. Its derivative at `center` is the first-order meta-gradient.
  double FirstOrderLoss(const PlainValues& start, const std::vector<PlainTask>& tasks,
                        const std::vector<PlainValues>& offsets) const {
    double sum = 0.0;
    for (size_t t = 0; t < tasks.size(); ++t) {
      PlainValues values = start;
      for (size_t p = 0; p < values.size(); ++p) {
        for (size_t i = 0; i < values[p].size(); ++i) values[p][i] += offsets[t][p][i];
      }
      sum += LossOf(values, tasks[t].query);
    }
    return sum;
  }
  /// The constants of FirstOrderLoss: [task].
  std::vector<PlainValues> OffsetsOf(const PlainValues& center, const std::vector<PlainTask>& tasks,
                                     const PlainLoop& loop) const {
    std::vector<PlainValues> offsets;
    for (const PlainTask& task : tasks) {
      offsets.push_back(Adapt(center, task.support, loop).values);
      for (size_t p = 0; p < center.size(); ++p) {
        for (size_t i = 0; i < center[p].size(); ++i) offsets.back()[p][i] -= center[p][i];
      }
    }
    return offsets;
  }
  /// First order: the derivative by each rate is minus the step's gradient times the gradient of
  /// the query loss after the loop. Returns [step][parameter][element].
  std::vector<PlainValues> FirstOrderRateGradient(const PlainValues& start,
                                                  const std::vector<PlainTask>& tasks,
                                                  const PlainLoop& loop) const {
    std::vector<PlainValues> sums(loop.rates.size(), Zeros());
    for (const PlainTask& task : tasks) {
      const Adapted adapted = Adapt(start, task.support, loop);
      const PlainValues query = GradientOf(adapted.values, task.query);
      for (size_t k = 0; k < sums.size(); ++k) {
        for (size_t p = 0; p < query.size(); ++p) {
          for (size_t i = 0; i < query[p].size(); ++i) {
            sums[k][p][i] -= adapted.gradients[k][p][i] * query[p][i];
          }
        }
      }
    }
    return sums;
  }
};

/// The derivative of f by `value`, which f reads.
inline double DifferenceOf(double& value, const std::function<double()>& f, double step = 1e-5) {
  const double saved = value;
  value = saved + step;
  const double above = f();
  value = saved - step;
  const double below = f();
  value = saved;
  return (above - below) / (2.0 * step);
}

}  // namespace hearth

#pragma once

#include <cstdint>
#include <vector>

#include "trainer/evaluate/baseline.h"
#include "trainer/evaluate/bias_model.h"

namespace hearth {

/// Item-item collaborative filtering. Let c = label - bias prediction. Then
///   similarity(i, j) = sum_u c_ui c_uj / sqrt(sum_u c_ui^2 sum_u c_uj^2) * n_ij / (n_ij +
///   shrinkage)
/// Here n_ij is the number of tasks with both items; the first sum runs over these tasks. Each item
/// keeps its strongest `neighbours`. The score of i for a new user is the bias prediction plus
///   sum_j similarity(i, j) c_j / (sum_j |similarity(i, j)| + damping)
/// over the support items j among the neighbours of i.   Source: Koren 2010, "Factor in the
/// neighbors", section 2.2.
/// Where labels are 0 and 1, or every event is positive, centring would hide what the positives
/// share. Then c = label, which gives plain cosines of positives, and the score is
///   b_i + sum_j similarity(i, j) c_j
/// with the item's bias b_i (0 in a log of positive events). It orders items and predicts no label.
class ItemKnn : public Baseline {
 public:
  struct Options {
    int64_t neighbours = 200;       ///< kept per item, the largest |similarity| first
    double shrinkage = 5.0;         ///< >= 0, in tasks
    double damping = 0.5;           ///< > 0, in similarity
    int64_t max_task_events = 500;  ///< longer tasks keep their last events; bounds the work
  };

  ItemKnn(const TrainingLog& log, BiasModel bias, const Options& options);

  std::string_view name() const override { return "item_knn"; }
  bool predicts_labels() const override { return !sums_cosines_; }
  std::vector<double> Predict(const Support& support,
                              std::span<const int64_t> items) const override;

 private:
  struct Neighbour {
    uint32_t item;
    float similarity;
  };

  Options options_;
  bool sums_cosines_, adds_item_biases_;
  BiasModel bias_;
  std::vector<int64_t> offsets_{0};    // [item + 1]
  std::vector<Neighbour> neighbours_;  // the neighbours of item 0, then of item 1, ...
};

}  // namespace hearth

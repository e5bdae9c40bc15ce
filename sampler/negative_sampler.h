#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/random.h"

namespace hearth {

/// Draws items in proportion to whole-number weights, leaving out those a task has seen: exact and
/// without rejection, O(log items) per draw. Thread safe after construction.
class NegativeSampler {
 public:
  /// `weights`: one per item, >= 0; 0 = never drawn.
  explicit NegativeSampler(std::span<const int64_t> weights);

  struct Draw {
    int64_t item = 0;
    float log_probability = 0;  ///< of this item, given that seen items are left out
  };

  /// The candidates of one task.
  class Candidates {
   public:
    /// Sum of the weights of all items that can be drawn.
    int64_t weight() const { return weight_; }
    /// weight() must be positive.
    Draw DrawOne(RandomStream* stream) const;

   private:
    friend class NegativeSampler;
    Candidates(const NegativeSampler& sampler, std::span<const int64_t> seen);

    const NegativeSampler& sampler_;
    // Of the seen items with weight, ascending: weight of the candidates before the item, and of
    // the seen items up to and including it.
    std::vector<int64_t> free_before_, seen_through_;
    int64_t weight_ = 0;
  };

  /// `seen`: items in any order, repeats allowed.
  Candidates Without(std::span<const int64_t> seen) const { return Candidates(*this, seen); }

 private:
  int64_t WeightOf(int64_t item) const {
    const auto index = static_cast<size_t>(item);
    return cumulative_[index + 1] - cumulative_[index];
  }

  std::vector<int64_t> cumulative_;  // [item + 1] weight of all items before
};

}  // namespace hearth

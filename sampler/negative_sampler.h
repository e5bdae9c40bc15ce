#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/random.h"

namespace hearth {

/// Draws items in proportion to whole-number weights and leaves out the items a task has seen. A
/// draw is exact, needs no rejection and costs O(log items). Thread safe after construction.
class NegativeSampler {
 public:
  /// `weights`: one per item, >= 0; an item of weight 0 is never drawn.
  explicit NegativeSampler(std::span<const int64_t> weights);

  /// The candidates of one task.
  class Candidates {
   public:
    /// Returns the sum of the weights of all items that can be drawn.
    int64_t weight() const { return weight_; }
    /// Draws one item. weight() must be positive.
    int64_t DrawOne(RandomStream* stream) const;

   private:
    friend class NegativeSampler;
    Candidates(const NegativeSampler& sampler, std::span<const int64_t> seen);

    const NegativeSampler& sampler_;
    // Both lists run over the seen items with weight, ascending. free_before_: weight of the
    // candidates before the item. seen_through_: weight of the seen items up to and including it.
    std::vector<int64_t> free_before_, seen_through_;
    int64_t weight_ = 0;
  };

  /// Returns the candidates without the `seen` items, given in any order, repeats allowed.
  Candidates Without(std::span<const int64_t> seen) const { return Candidates(*this, seen); }

 private:
  int64_t WeightOf(int64_t item) const { return cumulative_[item + 1] - cumulative_[item]; }

  std::vector<int64_t> cumulative_;  // [item + 1] weight of all earlier items
};

}  // namespace hearth

#pragma once

#include <cstdint>
#include <vector>

#include "common/random.h"
#include "sampler/task_options.h"
#include "storage/shard/shard_file.h"

namespace hearth {

/// The numbers of rows of an episode; both are >= 1.
struct EpisodeSizes {
  int64_t support = 0;
  int64_t query = 0;
  int64_t rows() const { return support + query; }
};

/// One draw from one task. The lists hold positions of events in the task, ascend and are disjoint.
struct Episode {
  std::vector<int64_t> support;
  std::vector<int64_t> query;
};

/// Draws episodes by the rules of TaskOptions. It has no state: the random stream decides.
class EpisodeSampler {
 public:
  /// Draws episodes for training: options.support_draw says how the support size is drawn.
  explicit EpisodeSampler(const TaskOptions& options);

  /// Draws episodes for evaluation: `support` rows, >= 1, replace the drawn size. The query set is
  /// the same for every `support` up to options.support, and smaller support sets are part of
  /// larger ones, so that the points of a k-shot curve differ in the support size only.
  static EpisodeSampler ForEvaluation(const TaskOptions& options, int64_t support);

  /// Returns true if the task has enough events; order kGiven needs enough of each role.
  bool IsEligible(const TaskView& task) const;

  /// Returns the sizes of Draw(task, stream) without drawing. `task` must be eligible.
  EpisodeSizes Sizes(const TaskView& task, RandomStream stream) const;
  Episode Draw(const TaskView& task, RandomStream stream) const;

 private:
  // Counts the events that may be support and query. Roles make the sets disjoint; otherwise both
  // sets are the whole task.
  struct Available {
    int64_t support = 0, query = 0;
    bool disjoint = false;
  };
  Available AvailableIn(const TaskView& task) const;
  EpisodeSizes SizesOf(const Available& available, RandomStream* stream) const;
  int64_t DrawSupportSize(RandomStream* stream) const;
  Episode DrawByTime(int64_t count, const EpisodeSizes& sizes, RandomStream stream) const;

  TaskOptions options_;
  // kTime: no earlier event is a query row, if support size and event count permit.
  int64_t query_from_ = 0;
};

}  // namespace hearth

#pragma once

#include <cstdint>
#include <vector>

#include "common/random.h"
#include "sampler/task_options.h"
#include "storage/shard/shard_file.h"

namespace hearth {

/// Number of rows of an episode, both >= 1.
struct EpisodeSizes {
  int64_t support = 0;
  int64_t query = 0;
  int64_t rows() const { return support + query; }
};

/// One draw from one task: positions of events in the task, each list ascending, disjoint.
struct Episode {
  std::vector<int64_t> support;
  std::vector<int64_t> query;
};

/// Draws episodes by the rules of TaskOptions. Stateless: the random stream decides.
class EpisodeSampler {
 public:
  /// Episodes to train on: the support size is drawn as options.support_draw says.
  explicit EpisodeSampler(const TaskOptions& options);

  /// Episodes to evaluate on: `support` rows, >= 1, in place of the drawn size. The query set is
  /// the same for every `support` up to options.support, and smaller support sets are part of
  /// larger ones, so points of a k-shot curve differ in nothing else.
  static EpisodeSampler ForEvaluation(const TaskOptions& options, int64_t support);

  /// Whether the task has enough events, with order kGiven of each role.
  bool IsEligible(const TaskView& task) const;

  /// The sizes of Draw(task, stream), without the draw. `task` must be eligible.
  EpisodeSizes Sizes(const TaskView& task, RandomStream stream) const;
  Episode Draw(const TaskView& task, RandomStream stream) const;

 private:
  // Events that may be support and query; with roles the sets are disjoint, otherwise the same.
  struct Available {
    int64_t support = 0, query = 0;
    bool disjoint = false;
  };
  Available AvailableIn(const TaskView& task) const;
  EpisodeSizes SizesOf(const Available& available, RandomStream* stream) const;
  int64_t DrawSupportSize(RandomStream* stream) const;
  Episode DrawByTime(int64_t count, const EpisodeSizes& sizes, RandomStream stream) const;

  TaskOptions options_;
  // kTime: the first event that may be a query row, support size and event count permitting.
  int64_t query_from_ = 0;
};

}  // namespace hearth

#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <string>
#include <vector>

#include "cluster/chunk_sums.h"
#include "cluster/communicator.h"
#include "common/worker_threads.h"
#include "sampler/meta_batch.h"
#include "trainer/gradient/engine.h"
#include "trainer/loop/options.h"
#include "trainer/optimize/dense_optimizer.h"

namespace hearth {

/// What a rank tells the others in every outer step.
struct StepWishes {
  bool stop = false;    ///< the run is to end after this step
  bool save = false;    ///< a checkpoint is due
  bool saving = false;  ///< this rank is busy with the save in flight
};

/// What one outer step did; the same on every rank.
struct StepResult {
  double loss = 0.0;               ///< mean query loss after adaptation over the finite tasks
  int64_t task_count = 0;          ///< finite tasks over all ranks
  int64_t skipped_task_count = 0;  ///< tasks left out
  double gradient_norm = 0.0;      ///< of the mean meta-gradient, rows included, before clipping
  double rate_factor = 0.0;        ///< schedule
  StepWishes wishes;               ///< of any rank
  /// Why the step was not taken and the parameters are as before; empty: it was.
  std::string skip_reason;
};

/// Where the time of one outer step went on this rank, in seconds; waiting for slower ranks is part
/// of the phases that communicate.
struct StepTimes {
  double fetch = 0.0;    ///< rows of sharded tables
  double compute = 0.0;  ///< meta-gradients of the rank's chunks
  double reduce = 0.0;   ///< sums over all ranks
  double update = 0.0;   ///< optimizer steps
};

/// One outer step: meta-gradients of this rank's chunks, several at a time, their sum over all
/// ranks, one optimizer step on identical replicas and on the rows each rank owns. Every decision
/// is taken on reduced numbers, so all ranks agree. Communication: docs/architecture.md.
class OuterLoop {
 public:
  struct Options {
    OptimizerOptions optimizer;
    ReduceMode reduce = ReduceMode::kExact;
    int64_t max_steps = 1;
  };

  /// All references must outlive the loop.
  OuterLoop(const Options& options, const Engine& engine, const BatchBuilder& builder,
            MetaParameters& parameters, DenseOptimizer& dense_optimizer, Communicator& communicator,
            WorkerThreads& threads);

  /// Collective: all ranks must call, also with no chunk at all. `next`: this rank's chunks of the
  /// step to come, whose ids travel with this one's sums; asked for once, by a thread of its own
  /// while the gradients are computed, or after them; may return null (on all ranks or none).
  /// `wishes`: of this rank. A step is skipped, on all ranks, when no task of it or no sum is
  /// finite.
  StepResult Step(
      const MetaBatch& meta_batch,
      const std::function<const MetaBatch*()>& next = [] { return nullptr; },
      StepWishes wishes = {});

  /// Of the newest step.
  const StepTimes& times() const { return times_; }

 private:
  // The rows of sharded tables that a meta-batch needs.
  RowRequest RequestFor(const MetaBatch& meta_batch) const;
  // The rows of the step to come.
  struct NextRows {
    int64_t step = -1;  // -1: there is none
    RowRequest request;
  };
  // No future where no table is sharded.
  std::future<NextRows> LookAhead(const std::function<const MetaBatch*()>& next) const;
  void FetchRows(const MetaBatch& meta_batch);
  template <typename Real>
  void ComputeChunks(const MetaBatch& meta_batch, ChunkSums<Real>& sums);
  template <typename Real>
  StepResult StepAs(const MetaBatch& meta_batch, const std::function<const MetaBatch*()>& next,
                    const StepWishes& wishes);
  template <typename Real>
  typename ChunkSums<Real>::Result Reduce(ChunkSums<Real>& sums, const MetaBatch& meta_batch,
                                          NextRows next, StepResult& result);
  template <typename Real>
  void AgreeOnNorm(const typename ChunkSums<Real>::Result& sums, const StepWishes& wishes,
                   StepResult& result);
  template <typename Real>
  void Update(typename ChunkSums<Real>::Result& sums, int64_t step, const StepResult& result);

  Options options_;
  const Engine& engine_;
  const BatchBuilder& builder_;
  MetaParameters& parameters_;
  DenseOptimizer& dense_optimizer_;
  Communicator& communicator_;
  WorkerThreads& threads_;
  std::vector<TableShape> shapes_;  // [table]
  std::vector<bool> sharded_;       // [table]
  bool any_sharded_;
  RowRequest request_;         // ids exchanged for
  int64_t request_step_ = -1;  // this step; -1: none
  StepTimes times_;
};

}  // namespace hearth

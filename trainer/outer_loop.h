#pragma once

#include <cstdint>

#include "cluster/communicator.h"
#include "common/worker_threads.h"
#include "sampler/meta_batch.h"
#include "trainer/engine/engine.h"
#include "trainer/optimize/dense_optimizer.h"
#include "trainer/options.h"

namespace hearth {

/// What one outer step did; the same on every rank.
struct StepResult {
  double loss = 0.0;               ///< mean query loss after adaptation over the finite tasks
  int64_t task_count = 0;          ///< finite tasks over all ranks
  int64_t skipped_task_count = 0;  ///< tasks left out
  double gradient_norm = 0.0;      ///< of the mean meta-gradient, rows included, before clipping
  double rate_factor = 0.0;        ///< schedule
};

/// One outer step: meta-gradients of this rank's chunks, several at a time, their sum over all
/// ranks, one optimizer step on identical replicas. Every decision is taken on reduced numbers, so
/// all ranks agree.
class OuterLoop {
 public:
  struct Options {
    OptimizerOptions optimizer;
    ReduceMode reduce = ReduceMode::kExact;
    int64_t max_steps = 1;
    double id_dropout = 0.0;
    uint64_t seed = 0;
  };

  /// Sums over the tasks of all ranks; on the CPU.
  struct Gradient {
    at::Tensor dense;                              ///< [layout.size()]
    std::vector<std::vector<int64_t>> table_rows;  ///< [table] unique rows, ascending
    std::vector<at::Tensor> rows;                  ///< [table] [rows, dim]
  };

  /// All references must outlive the loop.
  OuterLoop(const Options& options, const Engine& engine, MetaParameters& parameters,
            DenseOptimizer& dense_optimizer, Communicator& communicator, WorkerThreads& threads)
      : options_(options),
        engine_(engine),
        parameters_(parameters),
        dense_optimizer_(dense_optimizer),
        communicator_(communicator),
        threads_(threads) {}

  /// Collective: all ranks must call, also with no chunk at all. Throws NumericError on every rank
  /// when no task of the step is finite; the parameters are unchanged then.
  StepResult Step(const MetaBatch& meta_batch);

 private:
  // Whether a chunk plays tasks whose items are all new (ModelOptions::id_dropout).
  bool HidesItemIds(int64_t step, int64_t chunk) const;
  template <typename Real>
  StepResult StepAs(const MetaBatch& meta_batch);
  // One optimizer step; fills in the norm of the mean gradient.
  void Update(const Gradient& gradient, StepResult& result);

  Options options_;
  const Engine& engine_;
  MetaParameters& parameters_;
  DenseOptimizer& dense_optimizer_;
  Communicator& communicator_;
  WorkerThreads& threads_;
};

}  // namespace hearth

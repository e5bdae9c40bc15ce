#pragma once

#include <cstdint>
#include <future>
#include <vector>

#include "cluster/chunk_sums.h"
#include "cluster/communicator.h"
#include "common/worker_threads.h"
#include "sampler/meta_batch.h"
#include "trainer/gradient/engine.h"
#include "trainer/loop/options.h"
#include "trainer/loop/stepper.h"
#include "trainer/optimize/dense_optimizer.h"

namespace hearth {

/// Takes outer steps. A step computes the meta-gradients of this rank's chunks, several at a time,
/// sums them over all ranks, and takes one optimizer step on the identical replicas and on the rows
/// that each rank owns. Every decision depends on reduced numbers alone, so all ranks agree.
/// docs/architecture.md describes the communication.
class OuterLoop : public Stepper {
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

  /// The ids of `next` travel with the sums of this step; a background thread asks for it while the
  /// gradients are computed, or the caller asks afterwards. All ranks skip a step when none of its
  /// tasks is finite or a sum is not finite. Collective.
  StepResult Step(const MetaBatch& meta_batch, const NextMetaBatch& next,
                  const StepRequests& requests) override;
  /// A step without requests to the other ranks.
  StepResult Step(
      const MetaBatch& meta_batch, const NextMetaBatch& next = [] { return nullptr; }) {
    return Step(meta_batch, next, StepRequests());
  }

  bool RanksAgreeAfter(int64_t) const override { return true; }
  const StepTimes& times() const override { return times_; }

 private:
  // The rows of sharded tables that a meta-batch needs.
  RowRequest RequestFor(const MetaBatch& meta_batch) const;
  // The rows that the step to come needs.
  struct NextRows {
    int64_t step = -1;  // -1: there is none
    RowRequest request;
  };
  // The future is empty when no table is sharded.
  std::future<NextRows> LookAhead(const NextMetaBatch& next) const;
  FetchedRows FetchRows(const MetaBatch& meta_batch);
  template <typename Real>
  void ComputeChunks(const MetaBatch& meta_batch, const FetchedRows& fetched,
                     ChunkSums<Real>& sums);
  template <typename Real>
  StepResult StepAs(const MetaBatch& meta_batch, const NextMetaBatch& next,
                    const StepRequests& requests);
  template <typename Real>
  typename ChunkSums<Real>::Result Reduce(ChunkSums<Real>& sums, const MetaBatch& meta_batch,
                                          NextRows next, StepResult& result);
  template <typename Real>
  void AgreeOnNorm(const typename ChunkSums<Real>::Result& sums, const StepRequests& requests,
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
  RowRequest request_;         // its ids have been exchanged
  int64_t request_step_ = -1;  // the step of request_; -1: none
  StepTimes times_;
};

}  // namespace hearth

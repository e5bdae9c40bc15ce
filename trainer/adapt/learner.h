#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "trainer/adapt/adaptation.h"
#include "trainer/adapt/task_loss.h"
#include "trainer/model/data_binding.h"
#include "trainer/model/input_schema.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// Predictions for the query rows of a chunk, row by row, and the losses of the tasks.
struct ChunkPredictions {
  std::vector<double> query;       ///< [row of Chunk::query] the number people read (PredictionOf)
  std::vector<double> query_loss;  ///< [task]
};

/// A base model without its parameters: schema, layout, model, adaptation and loss. It is made from
/// a schema and options alone and knows no data set; a DataBinding binds data to it. Training,
/// evaluation and serving are built on a learner. It is immutable and thread safe.
class Learner {
 public:
  /// `tensors`: dtype and device of all tensors. `make`: makes the method; tests pass their own.
  /// Throws ConfigError when model, method, loss and schema do not fit together, naming the keys.
  Learner(std::shared_ptr<const InputSchema> schema, const LearnerOptions& options,
          at::TensorOptions tensors, const AdaptationMaker& make = MakeAdaptation);
  Learner(const Learner&) = delete;
  Learner& operator=(const Learner&) = delete;

  const std::shared_ptr<const InputSchema>& schema() const { return schema_; }
  const ParameterLayout& layout() const { return layout_; }
  const std::vector<TableSpec>& tables() const { return model_->tables(); }
  const Model& model() const { return *model_; }
  const Adaptation& adaptation() const { return *adaptation_; }
  MetaOptions::Loss loss() const { return loss_; }
  at::TensorOptions tensor_options() const { return tensors_; }

  /// The first values: a pure function of (learner, seed). The placement does not change them.
  MetaParameters InitialParameters(TableOptimizer optimizer, uint64_t seed,
                                   const TableOptions& options = {},
                                   const TablePlacement& placement = {}) const;

  /// Computes the vectors of a chunk's rows. rows: [table], GatherTableRows of
  /// ChunkBatch::table_rows.
  EncodedChunk Encode(const ParameterValues& theta, const ChunkBatch& batch,
                      const std::vector<at::Tensor>& rows) const;
  /// The query loss of each task of a chunk after adaptation, [tasks].
  at::Tensor QueryLosses(const ParameterValues& theta, const TaskState& state,
                         const EncodedChunk& chunk) const;

  // The argument `fetched` of the next functions: the rows of sharded tables that the chunk or the
  // items name (FetchTableRows).

  /// Adapts to the support rows of every task and predicts its query rows; `adapt` = false skips
  /// the adaptation. The result carries no graph.
  ChunkPredictions Predict(const MetaParameters& parameters, const BatchBuilder& builder,
                           const Chunk& chunk, bool adapt, const FetchedRows& fetched = {}) const;

  /// Adapts to the support rows of a chunk, without a graph.
  TaskState Adapt(const MetaParameters& parameters, const BatchBuilder& builder, const Chunk& chunk,
                  const FetchedRows& fetched = {}) const;

  /// Scores `items` for one adapted task. `state`: [1, ...]. `owner`: the entity that owns the
  /// task; may be kUnknownEntity. Items are scored in blocks, so memory does not grow with the
  /// catalogue.
  std::vector<double> ScoreItems(const MetaParameters& parameters, const BatchBuilder& builder,
                                 const TaskState& state, int64_t owner,
                                 std::span<const int64_t> items,
                                 const FetchedRows& fetched = {}) const;

 private:
  RowScores ScoresOf(const ParameterValues& theta, const TaskState& state, const ChunkBatch& batch,
                     const LabelledRows& rows) const;

  std::shared_ptr<const InputSchema> schema_;
  MetaOptions::Loss loss_;
  at::TensorOptions tensors_;
  ParameterLayout layout_;  // complete once model and adaptation are made
  std::unique_ptr<Model> model_;
  std::unique_ptr<Adaptation> adaptation_;
};

}  // namespace hearth

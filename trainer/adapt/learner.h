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

/// Predictions for the query rows of a chunk, row by row, and the losses they give.
struct ChunkPredictions {
  std::vector<double> query;       ///< [row] of Chunk::query; the number people read (PredictionOf)
  std::vector<double> query_loss;  ///< [task]
};

/// Everything about a base model but its parameters: schema, layout, model, adaptation and loss. It
/// is made from a schema and options alone, and knows no data set; data is bound to it
/// (DataBinding). Training, evaluation and serving are built of one. Immutable, thread safe.
class Learner {
 public:
  /// `tensors`: dtype and device of all tensors.
  /// Throws ConfigError when model, method, loss and schema do not fit together, naming the keys.
  /// `make`: makes the method; tests put others in its place.
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

  /// First values: a pure function of (learner, seed), whatever the placement.
  MetaParameters InitialParameters(TableOptimizer optimizer, uint64_t seed,
                                   const TableOptions& options = {},
                                   const TablePlacement& placement = {}) const;

  /// The vectors of a chunk's rows. rows: [table] GatherTableRows of ChunkBatch::table_rows.
  EncodedChunk Encode(const ParameterValues& theta, const ChunkBatch& batch,
                      const std::vector<at::Tensor>& rows) const;
  /// The query loss of each task of a chunk after adaptation, [tasks].
  at::Tensor QueryLosses(const ParameterValues& theta, const TaskState& state,
                         const EncodedChunk& chunk) const;

  // `fetched`: the rows of sharded tables that the chunk or the items name (FetchTableRows).

  /// Adapts to the support rows of every task (or not at all, adapt = false) and predicts its query
  /// rows. Carries no graph.
  ChunkPredictions Predict(const MetaParameters& parameters, const BatchBuilder& builder,
                           const Chunk& chunk, bool adapt, const FetchedRows& fetched = {}) const;

  /// Adapts to the support rows of a chunk, without a graph.
  TaskState Adapt(const MetaParameters& parameters, const BatchBuilder& builder, const Chunk& chunk,
                  const FetchedRows& fetched = {}) const;

  /// Scores of `items` for one adapted task (`state` [1, ...]) of the entity `owner` (may be
  /// kUnknownEntity). Items pass in blocks, so that memory does not grow with the catalogue.
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

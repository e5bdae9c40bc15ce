#pragma once

#include <memory>
#include <vector>

#include "storage/shard/dataset.h"
#include "trainer/adapt/meta_method.h"
#include "trainer/model/training_statistics.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// Predictions for the query rows of a chunk, row by row, and the losses they give.
struct ChunkPredictions {
  std::vector<double> query;       ///< [row] of Chunk::query; what people read (PredictionOf)
  std::vector<double> query_loss;  ///< [task]
};

/// One user's base model after adaptation: all that scoring needs.
struct AdaptedUser {
  ParameterValues values;  ///< of adapted parameters [1, shape...]
  /// Where embedding rows adapt: those that did, [table] ids ascending and rows [ids, dim].
  std::vector<std::vector<int64_t>> row_ids = {};
  std::vector<at::Tensor> rows = {};
};

/// A model, a method and a loss bound to the fields of a data set: everything about a base model
/// but its parameters. Training, evaluation and recommendation are built of one. Immutable after
/// construction; the data set must outlive it.
class MetaLearner {
 public:
  /// `options`: dtype and device of all tensors. Throws ConfigError when the model does not fit the
  /// data (unknown feature names, no field at all), DataError when the training part is empty.
  MetaLearner(const Dataset& dataset, const ModelOptions& model, const MetaOptions& meta,
              at::TensorOptions options);

  const Recommender& model() const { return *model_; }
  const MetaMethod& method() const { return *method_; }
  const BatchBuilder& builder() const { return *builder_; }
  const EntityFields& task_fields() const { return task_fields_; }
  const EntityFields& item_fields() const { return item_fields_; }
  /// What is added to every prediction.
  double output_offset() const { return output_offset_; }
  const TrainingStatistics& statistics() const { return statistics_; }
  const MetaOptions& meta() const { return meta_; }
  at::TensorOptions tensor_options() const { return options_; }

  /// Adapts to the support rows of every task (or not at all, adapt = false) and predicts its query
  /// rows. Carries no graph.
  ChunkPredictions Predict(const MetaParameters& parameters, const Chunk& chunk, bool adapt) const;

  /// Adapts to the support rows of a chunk of one task.
  AdaptedUser Adapt(const MetaParameters& parameters, const Chunk& chunk) const;

  /// Scores of `items` for an adapted user, the entity `owner` (may be kUnknownEntity). Items are
  /// processed in blocks, so memory does not grow with the catalogue.
  std::vector<double> ScoreItems(const MetaParameters& parameters, const AdaptedUser& user,
                                 int64_t owner, std::span<const int64_t> items) const;

 private:
  MetaOptions meta_;
  at::TensorOptions options_;
  TrainingStatistics statistics_;
  EntityFields task_fields_, item_fields_;
  double output_offset_;
  std::unique_ptr<Recommender> model_;
  std::unique_ptr<MetaMethod> method_;
  std::unique_ptr<BatchBuilder> builder_;
};

}  // namespace hearth

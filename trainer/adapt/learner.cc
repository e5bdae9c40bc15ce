#include "trainer/adapt/learner.h"

#include <algorithm>

#include <ATen/core/grad_mode.h>

#include "common/error.h"

namespace hearth {
namespace {

constexpr int64_t kItemsPerBlock = 4096;

void CheckLabels(MetaOptions::Loss loss, const InputSchema& schema) {
  if (loss != MetaOptions::Loss::kBce) return;
  if (schema.label_min >= 0.0f && schema.label_max <= 1.0f) return;
  throw ConfigError(
      "meta.loss=bce needs labels in [0, 1], but those of '{}' are in [{}, {}]; "
      "convert with --label threshold:X, or use meta.loss=mse",
      schema.data_name, schema.label_min, schema.label_max);
}

// Drops the padding: returns each task's own scores, task after task.
std::vector<double> WithoutPadding(const at::Tensor& scores, const std::vector<int64_t>& offsets) {
  const std::vector<double> padded = ToDoubles(scores);
  std::vector<double> rows;
  for (int64_t t = 0; t + 1 < std::ssize(offsets); ++t) {
    const auto begin = padded.begin() + t * scores.size(1);
    rows.insert(rows.end(), begin, begin + offsets[t + 1] - offsets[t]);
  }
  return rows;
}

}  // namespace

Learner::Learner(std::shared_ptr<const InputSchema> schema, const LearnerOptions& options,
                 at::TensorOptions tensors, const AdaptationMaker& make)
    : schema_(std::move(schema)), loss_(options.meta.loss), tensors_(tensors) {
  CheckLabels(loss_, *schema_);
  model_ =
      MakeModel(options.model, *schema_, OutputOffset(loss_, schema_->RowLabelMean()), layout_);
  adaptation_ = make(options, *schema_, *model_, layout_);
}

MetaParameters Learner::InitialParameters(TableOptimizer optimizer, uint64_t seed,
                                          const TableOptions& options,
                                          const TablePlacement& placement) const {
  return InitializeMetaParameters(layout_, tables(), optimizer, seed, tensors_, options, placement);
}

EncodedChunk Learner::Encode(const ParameterValues& theta, const ChunkBatch& batch,
                             const std::vector<at::Tensor>& rows) const {
  return SelectChunk(model_->Encode(theta, batch, rows), batch);
}

RowScores Learner::ScoresOf(const ParameterValues& theta, const TaskState& state,
                            const ChunkBatch& batch, const LabelledRows& rows) const {
  RowScores scores{.rows = adaptation_->Score(theta, state, batch, rows.rows), .negatives = {}};
  // Negatives that the loss does not read would be left out without a word.
  HEARTH_CHECK(!NegativesAreRows(loss_) || !rows.negatives.defined(), "negatives that are no rows");
  if (loss_ == MetaOptions::Loss::kBpr) {
    HEARTH_CHECK(rows.negatives.defined(), "bpr without negatives");
    scores.negatives = adaptation_->Score(theta, state, batch, rows.negatives);
  }
  return scores;
}

at::Tensor Learner::QueryLosses(const ParameterValues& theta, const TaskState& state,
                                const EncodedChunk& chunk) const {
  return TaskLosses(loss_, ScoresOf(theta, state, chunk.batch, chunk.query), chunk.query);
}

ChunkPredictions Learner::Predict(const MetaParameters& parameters, const BatchBuilder& builder,
                                  const Chunk& chunk, bool adapt,
                                  const FetchedRows& fetched) const {
  const ChunkBatch batch = builder.Build(chunk);
  const ParameterValues theta = ViewParameters(layout_, parameters.dense);
  const EncodedChunk encoded =
      Encode(theta, batch, GatherTableRows(parameters, batch.table_rows, fetched));
  TaskState state;
  if (adapt) state = adaptation_->Adapt(theta, encoded, Graph::kNone);

  const at::NoGradGuard no_grad;
  const RowScores scores = ScoresOf(theta, state, batch, encoded.query);
  return {.query = WithoutPadding(PredictionOf(loss_, scores.rows), chunk.query.offsets),
          .query_loss = ToDoubles(TaskLosses(loss_, scores, encoded.query))};
}

TaskState Learner::Adapt(const MetaParameters& parameters, const BatchBuilder& builder,
                         const Chunk& chunk, const FetchedRows& fetched) const {
  const ChunkBatch batch = builder.Build(chunk);
  const ParameterValues theta = ViewParameters(layout_, parameters.dense);
  const EncodedChunk encoded =
      Encode(theta, batch, GatherTableRows(parameters, batch.table_rows, fetched));
  return adaptation_->Adapt(theta, encoded, Graph::kNone);
}

std::vector<double> Learner::ScoreItems(const MetaParameters& parameters,
                                        const BatchBuilder& builder, const TaskState& state,
                                        int64_t owner, std::span<const int64_t> items,
                                        const FetchedRows& fetched) const {
  const at::NoGradGuard no_grad;
  const ParameterValues theta = ViewParameters(layout_, parameters.dense);
  const std::vector<int64_t> owners = {owner};
  std::vector<double> scores;
  for (int64_t begin = 0; begin < std::ssize(items); begin += kItemsPerBlock) {
    const int64_t count = std::min(kItemsPerBlock, std::ssize(items) - begin);
    const ChunkBatch batch = builder.BuildEntities(owners, items.subspan(begin, count));
    const EncodedEntities entities =
        model_->Encode(theta, batch, GatherTableRows(parameters, batch.table_rows, fetched));
    const at::Tensor score = adaptation_->Score(theta, state, batch, CrossRows(entities));
    const std::vector<double> values = ToDoubles(PredictionOf(loss_, score));
    scores.insert(scores.end(), values.begin(), values.end());
  }
  return scores;
}

}  // namespace hearth

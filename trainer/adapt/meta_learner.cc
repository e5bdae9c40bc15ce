#include "trainer/adapt/meta_learner.h"

#include <algorithm>
#include <cmath>

#include <ATen/core/grad_mode.h>

#include "common/error.h"
#include "common/text.h"
#include "trainer/adapt/task_loss.h"

namespace hearth {
namespace {

constexpr int64_t kItemsPerBlock = 4096;

// Added to every prediction, so that training starts at the level of the labels.
double OutputOffset(MetaOptions::Loss loss, double label_mean) {
  switch (loss) {
    case MetaOptions::Loss::kMse:
      return label_mean;
    case MetaOptions::Loss::kBce: {
      const double mean = std::clamp(label_mean, 0.01, 0.99);
      return std::log(mean / (1.0 - mean));
    }
    case MetaOptions::Loss::kBpr:
      break;
  }
  return 0.0;
}

bool IsByItem(const Dataset& dataset) { return dataset.manifest().task_by == "item"; }

void CheckFeatureNames(const ModelOptions& options, const Dataset& dataset) {
  const std::vector<std::string> names = FeatureNames(dataset);
  for (const std::string& wanted : options.features) {
    if (std::find(names.begin(), names.end(), wanted) != names.end()) continue;
    throw ConfigError("model.features names '{}'{}, which data set '{}' does not have; it has: {}",
                      wanted, DidYouMean(wanted, names), dataset.path(), Join(names, ", "));
  }
}

void CheckLabels(const MetaOptions& meta, const Dataset& dataset) {
  const DatasetManifest& manifest = dataset.manifest();
  if (meta.loss == MetaOptions::Loss::kBce &&
      (manifest.label_min < 0.0f || manifest.label_max > 1.0f)) {
    throw ConfigError(
        "meta.loss=bce needs labels in [0, 1], but those of '{}' are in [{}, {}]; "
        "convert with --label threshold:X, or use meta.loss=mse",
        dataset.path(), manifest.label_min, manifest.label_max);
  }
}

// Puts the rows of `ids` in the place of those that `rows`, of `row_ids`, has of them. Both lists
// ascend.
void ReplaceRows(const std::vector<int64_t>& ids, const at::Tensor& values,
                 const std::vector<int64_t>& row_ids, at::Tensor& rows) {
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto place = std::ranges::lower_bound(row_ids, ids[i]);
    if (place == row_ids.end() || *place != ids[i]) continue;
    rows.select(0, place - row_ids.begin()).copy_(values.select(0, static_cast<int64_t>(i)));
  }
}

}  // namespace

MetaLearner::MetaLearner(const Dataset& dataset, const ModelOptions& model, const MetaOptions& meta,
                         at::TensorOptions options)
    : meta_(meta),
      options_(options),
      statistics_(ComputeTrainingStatistics(dataset)),
      task_fields_(dataset.task_entities(), IsByItem(dataset) ? "item" : "user", model.features),
      item_fields_(dataset.event_entities(), IsByItem(dataset) ? "user" : "item", model.features),
      output_offset_(OutputOffset(meta.loss, statistics_.label_mean)) {
  CheckFeatureNames(model, dataset);
  CheckLabels(meta, dataset);
  if (model.item_id) item_fields_.AddIdField(statistics_.event_counts, model.min_item_events);
  model_ = MakeRecommender(model, task_fields_, item_fields_, output_offset_);
  method_ = MakeMethod(meta, *model_);
  builder_ = std::make_unique<BatchBuilder>(task_fields_, item_fields_, options);
}

ChunkPredictions MetaLearner::Predict(const MetaParameters& parameters, const Chunk& chunk,
                                      bool adapt) const {
  const ChunkBatch batch = builder_->Build(chunk);
  const ParameterValues theta = ViewParameters(model_->layout(), parameters.dense);
  const EncodedChunk encoded =
      Encode(*model_, theta, batch, GatherTableRows(parameters, batch.table_rows));
  AdaptedTasks adapted{.values = theta};
  if (adapt) adapted = method_->Adapt(theta, encoded, batch, /*differentiable=*/false);

  const at::NoGradGuard no_grad;
  const RowInputs inputs = MakeAdaptedInputs(*model_, adapted, encoded, batch, batch.query);
  const at::Tensor scores = model_->Score(adapted.values, inputs.rows);
  ChunkPredictions predictions;
  predictions.query_loss =
      ToDoubles(TaskLosses(meta_.loss, *model_, adapted.values, inputs, batch.query));
  const std::vector<double> padded = ToDoubles(PredictionOf(meta_.loss, scores));
  const int64_t width = scores.size(1);
  for (int64_t t = 0; t < chunk.task_count(); ++t) {
    const auto i = static_cast<size_t>(t);
    const int64_t count = chunk.query.offsets[i + 1] - chunk.query.offsets[i];
    predictions.query.insert(predictions.query.end(), padded.begin() + t * width,
                             padded.begin() + t * width + count);
  }
  return predictions;
}

AdaptedUser MetaLearner::Adapt(const MetaParameters& parameters, const Chunk& chunk) const {
  const ChunkBatch batch = builder_->Build(chunk);
  const ParameterValues theta = ViewParameters(model_->layout(), parameters.dense);
  std::vector<at::Tensor> rows = GatherTableRows(parameters, batch.table_rows);
  const AdaptedTasks adapted = method_->Adapt(theta, Encode(*model_, theta, batch, rows), batch,
                                              /*differentiable=*/false);
  AdaptedUser user{.values = adapted.values};
  if (!method_->adapts_rows()) return user;
  FormFastRows(*model_, batch, adapted.rows, user.values, rows);
  user.row_ids = batch.table_rows;
  user.rows = std::move(rows);
  return user;
}

std::vector<double> MetaLearner::ScoreItems(const MetaParameters& parameters,
                                            const AdaptedUser& user, int64_t owner,
                                            std::span<const int64_t> items) const {
  const at::NoGradGuard no_grad;
  const std::vector<int64_t> owners = {owner};
  std::vector<double> scores;
  for (size_t begin = 0; begin < items.size(); begin += kItemsPerBlock) {
    const auto block = items.subspan(begin, std::min<size_t>(kItemsPerBlock, items.size() - begin));
    const ChunkBatch batch = builder_->BuildEntities(owners, block);
    std::vector<at::Tensor> rows = GatherTableRows(parameters, batch.table_rows);
    for (size_t t = 0; t < user.rows.size(); ++t) {
      ReplaceRows(user.row_ids[t], user.rows[t], batch.table_rows[t], rows[t]);
    }
    const EncodedChunk encoded = Encode(*model_, user.values, batch, rows);
    const at::Tensor score =
        model_->Score(user.values, model_->MakeInputs(encoded.tasks, encoded.items.unsqueeze(0)));
    const std::vector<double> values = ToDoubles(PredictionOf(meta_.loss, score));
    scores.insert(scores.end(), values.begin(), values.end());
  }
  return scores;
}

}  // namespace hearth

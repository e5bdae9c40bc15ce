#include "trainer/loop/als_start.h"

#include <algorithm>

#include <ATen/ops/clamp_min.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/zeros.h>

#include "common/error.h"
#include "trainer/evaluate/als.h"

namespace hearth {
namespace {

constexpr int64_t kMaxFactors = 16, kMaxFactorsOfPositives = 64;
constexpr double kRidge = 10.0;
// Positive events: the ridge of the factors weighs as much as this share of a task's events, and at
// least kLeastRidge. Sparse logs so keep the little they tell.
constexpr double kRidgePerEvent = 0.25;
constexpr double kLeastRidge = 0.5;
constexpr double kUnseenWeight = 0.1;

double RidgeOf(const TrainingLog& log) {
  if (!log.positive_only) return kRidge;
  const double tasks = static_cast<double>(std::max<int64_t>(1, log.row_count()));
  return std::max(kLeastRidge, kRidgePerEvent * static_cast<double>(log.event_count()) / tasks);
}

EmbeddingTable& IdTable(MetaParameters& parameters) {
  for (EmbeddingTable& table : parameters.tables) {
    if (table.name().ends_with(".id")) return table;
  }
  throw ConfigError("model.start=als starts the rows of item ids: it needs model.item_id=true");
}

// The adaptable user vector of embedding_dot starts at the mean training user.
void StartUserVector(const ParameterLayout& layout, const std::vector<double>& mean_user,
                     MetaParameters& parameters) {
  for (const ParameterSpec& spec : layout.specs()) {
    at::Tensor value = parameters.dense.narrow(0, spec.offset, spec.count);
    if (spec.name == "user_vector.bias") value.fill_(mean_user[0]);
    if (spec.name != "user_vector.weight") continue;
    value.zero_();
    for (int64_t k = 1; k < std::ssize(mean_user); ++k) value[k - 1].fill_(mean_user[k]);
  }
}

// The precision that stands for unseen items in the ridge method: U U^T = weight sum_i q_i q_i^T.
void StartUnseen(const ParameterLayout& layout, const AlsModel& als, int64_t item_count,
                 MetaParameters& parameters) {
  const int64_t index = layout.Find("ridge.unseen");
  if (index < 0) return;
  const ParameterSpec& spec = layout.spec(index);
  const int64_t dim = als.dim();
  at::Tensor factors = at::zeros({item_count, dim}, at::TensorOptions().dtype(at::kDouble));
  auto* values = factors.mutable_data_ptr<double>();
  for (int64_t item = 0; item < item_count; ++item) {
    std::ranges::copy(als.ItemVector(item).subspan(1), values + item * dim);
  }
  const auto [squares, vectors] = at::linalg_eigh(at::mm(factors.t(), factors));
  const at::Tensor root = vectors * (squares.clamp_min(0.0) * kUnseenWeight).sqrt();
  at::Tensor unseen = parameters.dense.narrow(0, spec.offset, spec.count).view(spec.shape);
  unseen.zero_();
  unseen.narrow(0, 0, dim).narrow(1, 0, dim).copy_(root);
}

}  // namespace

void StartFromAls(const Dataset& dataset, const ModelOptions& options, const BoundEntities& items,
                  const ParameterLayout& layout, uint64_t seed, MetaParameters& parameters,
                  MetaOptions::Loss loss) {
  EmbeddingTable& table = IdTable(parameters);
  const TrainingLog log = ReadTrainingLog(dataset);
  const BiasModel bias(log, {});
  // Zeros of a log of 0/1 labels are often drawn at random: its factors come from the ones alone.
  const bool from_ones = log.is_binary();
  const TrainingLog positives = from_ones ? log.Positives() : TrainingLog{};
  const TrainingLog& events = from_ones ? positives : log;
  const int64_t most = events.positive_only ? kMaxFactorsOfPositives : kMaxFactors;
  const int64_t factors = std::min(most, table.dim() - 1);
  if (factors < 1) throw ConfigError("model.start=als needs model.dim >= 2, it is {}", options.dim);
  const AlsModel als(
      events, bias,
      {.dim = factors, .ridge = RidgeOf(events), .unseen_weight = kUnseenWeight, .seed = seed});
  if (table.directory().is_dynamic()) {
    throw ConfigError(
        "model.start=als needs a row for every item, but tables.capacity={} gives rows to some of "
        "the {} ids of table '{}' only; use model.start=random",
        table.directory().row_count(), table.directory().id_count(), table.name());
  }
  // The derivative of the logit at the mean label.
  const double mean = std::clamp(bias.mean(), 0.01, 0.99);
  const double bias_scale = loss == MetaOptions::Loss::kBce ? 1.0 / (mean * (1.0 - mean)) : 1.0;
  at::Tensor rows = at::zeros(table.rows().sizes(), at::TensorOptions().dtype(at::kDouble));
  auto* values = rows.mutable_data_ptr<double>();
  for (int64_t item = 0; item < items.entity_count(); ++item) {
    const int64_t id = items.IdRowOf(item);
    const int64_t row = table.LocalRowOf(id);
    if (id == 0 || row < 0) continue;
    const std::span<const double> vector = als.ItemVector(item);
    double* to = values + row * table.dim();
    for (int64_t k = 0; k < factors; ++k) to[k] = vector[k + 1];
    to[table.dim() - 1] = from_ones ? bias_scale * bias.column_bias(item) : vector[0];
  }
  table.rows().copy_(rows);
  if (options.type == ModelOptions::Type::kEmbeddingDot) {
    // The mean user of the ones alone would raise every score, so the start is zero.
    const std::vector<double> none(als.mean_user().size(), 0.0);
    StartUserVector(layout, from_ones ? none : als.mean_user(), parameters);
    StartUnseen(layout, als, items.entity_count(), parameters);
  }
}

}  // namespace hearth

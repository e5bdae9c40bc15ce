#include "trainer/loop/als_start.h"

#include <ATen/ops/zeros.h>

#include "common/error.h"
#include "trainer/evaluate/als.h"

namespace hearth {
namespace {

constexpr int64_t kMaxFactors = 16;
constexpr double kRidge = 10.0;

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

}  // namespace

void StartFromAls(const Dataset& dataset, const ModelOptions& options, const BoundEntities& items,
                  const ParameterLayout& layout, uint64_t seed, MetaParameters& parameters) {
  EmbeddingTable& table = IdTable(parameters);
  const int64_t factors = std::min(kMaxFactors, table.dim() - 1);
  if (factors < 1) throw ConfigError("model.start=als needs model.dim >= 2, it is {}", options.dim);
  const TrainingLog log = ReadTrainingLog(dataset);
  const BiasModel bias(log, {});
  const AlsModel als(log, bias, {.dim = factors, .ridge = kRidge, .seed = seed});
  if (table.directory().is_dynamic()) {
    throw ConfigError(
        "model.start=als needs a row for every item, but tables.capacity={} gives rows to some of "
        "the {} ids of table '{}' only; use model.start=random",
        table.directory().row_count(), table.directory().id_count(), table.name());
  }
  at::Tensor rows = at::zeros(table.rows().sizes(), at::TensorOptions().dtype(at::kDouble));
  auto* values = rows.mutable_data_ptr<double>();
  for (int64_t item = 0; item < items.entity_count(); ++item) {
    const int64_t id = items.IdRowOf(item);
    const int64_t row = table.LocalRowOf(id);
    if (id == 0 || row < 0) continue;
    const std::span<const double> vector = als.ItemVector(item);
    double* to = values + row * table.dim();
    for (int64_t k = 0; k < factors; ++k) to[k] = vector[k + 1];
    to[table.dim() - 1] = vector[0];
  }
  table.rows().copy_(rows);
  if (options.type == ModelOptions::Type::kEmbeddingDot) {
    StartUserVector(layout, als.mean_user(), parameters);
  }
}

}  // namespace hearth

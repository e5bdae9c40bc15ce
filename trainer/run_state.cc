#include "trainer/run_state.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include "common/error.h"

namespace hearth {
namespace {

// In which order arrays have the rows of tables; checkpoints say so.
constexpr const char* kRowOrderKey = "row_order";
constexpr const char* kRowOrder = "buckets";

// A table is read in blocks of this size.
constexpr int64_t kReadBytes = int64_t{64} << 20;

ColumnType TypeOf(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kDouble:
      return ColumnType::kFloat64;
    case at::kLong:
      return ColumnType::kInt64;
    default:
      return ColumnType::kFloat32;
  }
}

// The shape of the array of all ranks that `value` holds rows of.
std::vector<int64_t> ShapeOfAll(const at::Tensor& value, int64_t row_count) {
  std::vector<int64_t> shape = value.sizes().vec();
  shape[0] = row_count;
  return shape;
}

// A tensor that shares the vector's memory.
at::Tensor ViewOf(std::vector<int64_t>& values) {
  return at::from_blob(values.data(), {std::ssize(values)}, at::TensorOptions().dtype(at::kLong));
}

// Feature names are the user's; array names are restricted. The number keeps them unique.
std::string ArrayNameOf(size_t number, const std::string& name) {
  std::string safe = name;
  for (char& c : safe) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '-') c = '_';
  }
  return fmt::format("{}.{}", number, safe);
}

// A dense tensor [layout.size()] as one array per parameter.
void VisitDense(const ParameterLayout& layout, at::Tensor& flat, const std::string& prefix,
                const std::string& suffix, const auto& visit) {
  for (size_t p = 0; p < layout.specs().size(); ++p) {
    const ParameterSpec& spec = layout.specs()[p];
    at::Tensor value = flat.narrow(0, spec.offset, spec.count).view(spec.shape);
    visit(prefix + ArrayNameOf(p, spec.name) + suffix, value);
  }
}

// Rows `owned` of an array of `row_count` rows; of one that is not sharded these are all.
struct Share {
  PositionRange owned;
  int64_t row_count = 0;
  bool sharded = false;
};

Share ShareOf(const EmbeddingTable& table) {
  return {table.owned(), table.row_count(), table.shape().sharded};
}

// One row per bucket instead.
Share BucketsOf(const EmbeddingTable& table) {
  const int64_t rows_per_bucket = table.row_count() / RowPartition::kBuckets;
  return {{table.owned().begin / rows_per_bucket, table.owned().end / rows_per_bucket},
          RowPartition::kBuckets,
          table.shape().sharded};
}

// visit_table(name, tensor, share); visit_slots(prefix, slots, share): a table of dynamic ids.
void VisitParameters(const ParameterLayout& layout, at::Tensor& dense,
                     std::vector<EmbeddingTable>& tables, const auto& visit_dense,
                     const auto& visit_table, const auto& visit_slots) {
  VisitDense(layout, dense, "parameters/", "", visit_dense);
  for (size_t t = 0; t < tables.size(); ++t) {
    EmbeddingTable& table = tables[t];
    const std::string prefix = "tables/" + ArrayNameOf(t, table.name());
    visit_table(prefix + "/rows", table.rows(), ShareOf(table));
    if (table.dynamic_ids() == nullptr) continue;
    visit_slots(prefix, table.dynamic_ids()->rows(), ShareOf(table));
    if (table.bucket_means().defined()) {
      visit_table(prefix + "/means", table.bucket_means(), BucketsOf(table));
    }
  }
}

void VisitOptimizer(const ParameterLayout& layout, DenseOptimizer& optimizer,
                    std::vector<EmbeddingTable>& tables, const auto& visit_dense,
                    const auto& visit_table, const auto& visit_slots) {
  const std::string parameters = "optimizer/parameters/";
  VisitDense(layout, optimizer.first_moment(), parameters, "/first", visit_dense);
  VisitDense(layout, optimizer.second_moment(), parameters, "/second", visit_dense);
  for (size_t t = 0; t < tables.size(); ++t) {
    EmbeddingTable& table = tables[t];
    const Share share = ShareOf(table);
    const std::string prefix = "optimizer/tables/" + ArrayNameOf(t, table.name());
    if (table.first_moment().defined()) visit_table(prefix + "/first", table.first_moment(), share);
    visit_table(prefix + "/second", table.second_moment(), share);
    visit_table(prefix + "/age", table.age(), share);
    if (table.dynamic_ids() == nullptr) continue;
    visit_slots(prefix + "/waiting", table.dynamic_ids()->waiting(), share);
    at::Tensor counts = ViewOf(table.dynamic_ids()->waiting_counts());
    visit_table(prefix + "/waiting/count", counts, share);
  }
}

// `value`: the rows of the share.
void ReadInto(const CheckpointReader& checkpoint, const std::string& name, at::Tensor& value,
              const Share& share) {
  const PositionRange& owned = share.owned;
  const ArraySpec expected{TypeOf(value), ShapeOfAll(value, share.row_count)};
  const ArraySpec& found = checkpoint.Spec(name);
  if (found != expected) {
    throw DataError(
        "checkpoint '{}': array '{}' is {}, but this model needs {}; the configuration or the data "
        "set is not the one it was trained with",
        checkpoint.path(), name, found.ToString(), expected.ToString());
  }
  const int64_t block = std::max<int64_t>(1, kReadBytes / expected.row_bytes());
  for (int64_t begin = owned.begin; begin < owned.end; begin += block) {
    const int64_t end = std::min(owned.end, begin + block);
    at::Tensor to = value.narrow(0, begin - owned.begin, end - begin);
    const bool is_direct = to.is_cpu() && to.is_contiguous();
    at::Tensor buffer = is_direct ? to : at::empty(to.sizes(), to.options().device(at::kCPU));
    checkpoint.ReadRows(name, {begin, end}, buffer.mutable_data_ptr());
    if (!is_direct) to.copy_(buffer);
  }
}

double NumberOrNan(const nlohmann::json& value) {
  return value.is_number() ? value.get<double>() : std::nan("");
}

TrainState TrainStateFrom(const nlohmann::json& json, const std::string& path) {
  try {
    return {.step = json.at("step").get<int64_t>(),
            .tasks_seen = json.at("tasks_seen").get<int64_t>(),
            .tasks_skipped = json.at("tasks_skipped").get<int64_t>(),
            .best_metric = NumberOrNan(json.at("best_metric")),
            .best_step = json.at("best_step").get<int64_t>(),
            .evaluations_without_improvement =
                json.at("evaluations_without_improvement").get<int64_t>(),
            .skipped_steps = json.value("skipped_steps", std::vector<int64_t>()),
            .roll_backs = json.value("roll_backs", int64_t{0})};
  } catch (const nlohmann::json::exception& error) {
    throw DataError("checkpoint '{}': bad training counters: {}", path, error.what());
  }
}

}  // namespace

std::vector<NamedArray> ArraysToSave(RunState& state, const ParameterLayout& layout, int rank,
                                     int world_size, std::vector<at::Tensor>& storage) {
  std::vector<NamedArray> arrays;
  // `rows`: those of the whole array that `value` holds.
  const auto add = [&](const std::string& name, const at::Tensor& value, const Share& share) {
    storage.push_back(value.to(at::kCPU).contiguous());
    arrays.push_back({.name = name,
                      .spec = {TypeOf(value), ShapeOfAll(value, share.row_count)},
                      .rows = {share.owned.begin, share.owned.end},
                      .data = storage.back().const_data_ptr()});
  };
  const auto dense = [&](const std::string& name, const at::Tensor& value) {
    if (rank == 0) add(name, value, {{0, value.size(0)}, value.size(0)});
  };
  const auto table = [&](const std::string& name, const at::Tensor& value, const Share& share) {
    if (share.sharded) return add(name, value, share);
    // Every rank has all rows: each writes some of them.
    const int64_t begin = share.row_count * rank / world_size;
    const int64_t end = share.row_count * (rank + 1) / world_size;
    add(name, value.narrow(0, begin, end - begin), {{begin, end}, share.row_count});
  };
  const auto slots = [&](const std::string& prefix, const LruSlots& of, const Share& share) {
    std::vector<int64_t> ids = of.ids(), last_steps = of.last_steps();
    table(prefix + "/ids", ViewOf(ids).clone(), share);
    table(prefix + "/last_step", ViewOf(last_steps).clone(), share);
  };
  VisitParameters(layout, state.parameters.dense, state.parameters.tables, dense, table, slots);
  VisitOptimizer(layout, state.optimizer, state.parameters.tables, dense, table, slots);
  return arrays;
}

namespace {

// Fills in what the visitors name from a checkpoint.
class Loader {
 public:
  explicit Loader(const CheckpointReader& checkpoint) : checkpoint_(checkpoint) {}

  auto dense() const {
    return [this](const std::string& name, at::Tensor& value) {
      ReadInto(checkpoint_, name, value, {{0, value.size(0)}, value.size(0)});
    };
  }
  auto table() const {
    return [this](const std::string& name, at::Tensor& value, const Share& share) {
      ReadInto(checkpoint_, name, value, share);
    };
  }
  auto slots() const {
    return [this](const std::string& prefix, LruSlots& to, const Share& share) {
      std::vector<int64_t> ids(to.ids().size()), last_steps(to.ids().size());
      at::Tensor id_view = ViewOf(ids), step_view = ViewOf(last_steps);
      ReadInto(checkpoint_, prefix + "/ids", id_view, share);
      ReadInto(checkpoint_, prefix + "/last_step", step_view, share);
      try {
        to.Restore(ids, last_steps);
      } catch (const DataError& error) {
        throw DataError("checkpoint '{}': array '{}/ids': {}", checkpoint_.path(), prefix,
                        error.what());
      }
    };
  }

 private:
  const CheckpointReader& checkpoint_;
};

}  // namespace

void LoadParameters(const CheckpointReader& checkpoint, const ParameterLayout& layout,
                    MetaParameters& parameters) {
  const auto& scalars = checkpoint.manifest().scalars;
  if (!scalars.contains(kRowOrderKey) || scalars.at(kRowOrderKey) != kRowOrder) {
    throw DataError(
        "checkpoint '{}' does not keep the rows of tables bucket by bucket, as this hearth does; "
        "use the hearth that wrote it ({}), or train anew",
        checkpoint.path(), checkpoint.manifest().tool_version);
  }
  const Loader loader(checkpoint);
  VisitParameters(layout, parameters.dense, parameters.tables, loader.dense(), loader.table(),
                  loader.slots());
}

void LoadRunState(const CheckpointReader& checkpoint, const ParameterLayout& layout,
                  RunState& state) {
  LoadParameters(checkpoint, layout, state.parameters);
  const Loader loader(checkpoint);
  VisitOptimizer(layout, state.optimizer, state.parameters.tables, loader.dense(), loader.table(),
                 loader.slots());
  state.counters = TrainStateFrom(checkpoint.manifest().scalars, checkpoint.path());
  state.optimizer.set_step_count(state.counters.step);
}

std::vector<std::string> ModelArrayNames(const CheckpointReader& checkpoint) {
  std::vector<std::string> names;
  for (const auto& [name, spec] : checkpoint.arrays()) {
    if (name.starts_with("parameters/") || name.starts_with("tables/")) names.push_back(name);
  }
  return names;
}

nlohmann::json ToJson(const TrainState& state) {
  nlohmann::json json = {{kRowOrderKey, kRowOrder},
                         {"step", state.step},
                         {"tasks_seen", state.tasks_seen},
                         {"tasks_skipped", state.tasks_skipped},
                         {"best_metric", nullptr},
                         {"best_step", state.best_step},
                         {"evaluations_without_improvement", state.evaluations_without_improvement},
                         {"skipped_steps", state.skipped_steps},
                         {"roll_backs", state.roll_backs}};
  if (std::isfinite(state.best_metric)) json["best_metric"] = state.best_metric;
  return json;
}

}  // namespace hearth

#include "trainer/state/run_state.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "common/error.h"
#include "trainer/state/model_arrays.h"

namespace hearth {
namespace {

// Stands before the name of an array, and so names the optimizer's state of that array.
constexpr const char* kOptimizer = "optimizer/";

// A table is read in blocks of this size.
constexpr int64_t kReadBytes = int64_t{64} << 20;

// An array of a checkpoint.
struct CheckpointArray : StateArray {
  std::string changed_name = {};  // set of changed rows; arrays of a table share it
};
using CheckpointArrays = std::vector<CheckpointArray>;

// Adds the dense values [layout.size()], one array for each parameter.
void AppendDense(const ParameterLayout& layout, const at::Tensor& flat, const std::string& prefix,
                 const std::string& suffix, CheckpointArrays& arrays) {
  for (int64_t p = 0; p < layout.parameter_count(); ++p) {
    const ParameterSpec& spec = layout.spec(p);
    const at::Tensor value = flat.narrow(0, spec.offset, spec.count).view(spec.shape);
    arrays.push_back(
        {{prefix + ParameterArray(p, spec.name) + suffix, value, DenseDomain(value.size(0))}});
  }
}

// Adds the state of table number `number`.
void AppendTable(size_t number, const std::string& table, StateList state,
                 const std::string& prefix, CheckpointArrays& arrays) {
  for (StateArray& array : state) {
    array.name = prefix + TableArray(number, table) + "/" + array.name;
    const bool is_slots = array.domain.kind == StateDomain::Kind::kSlots;
    arrays.push_back(
        {std::move(array), NumberedName(number, table) + (is_slots ? "/waiting" : "/rows")});
  }
}

CheckpointArrays ModelArrays(const ParameterLayout& layout, MetaParameters& parameters) {
  CheckpointArrays arrays;
  AppendDense(layout, parameters.dense, "", "", arrays);
  for (size_t t = 0; t < parameters.tables.size(); ++t) {
    StateList state;
    parameters.tables[t].ListModel(state);
    AppendTable(t, parameters.tables[t].name(), std::move(state), "", arrays);
  }
  return arrays;
}

CheckpointArrays OptimizerArrays(const ParameterLayout& layout, RunState& run) {
  CheckpointArrays arrays;
  StateList dense;
  run.optimizer.ListState(dense);
  for (const StateArray& moment : dense) {
    AppendDense(layout, moment.values, kOptimizer, "/" + moment.name, arrays);
  }
  for (size_t t = 0; t < run.parameters.tables.size(); ++t) {
    EmbeddingTable& table = run.parameters.tables[t];
    StateList state;
    table.ListOptimizer(state);
    AppendTable(t, table.name(), std::move(state), kOptimizer, arrays);
  }
  return arrays;
}

CheckpointArrays ArraysOf(const ParameterLayout& layout, RunState& run) {
  CheckpointArrays arrays = ModelArrays(layout, run.parameters);
  for (CheckpointArray& array : OptimizerArrays(layout, run)) arrays.push_back(std::move(array));
  return arrays;
}

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

// Type and shape of the whole array, over all ranks.
ArraySpec SpecOf(const StateArray& array) {
  std::vector<int64_t> shape = array.values.sizes().vec();
  shape[0] = array.domain.row_count;
  return {TypeOf(array.values), std::move(shape)};
}

// The rows that this rank saves: the rows that it alone holds, or an equal share of a table that
// every rank holds. Rank 0 saves dense arrays; the other ranks save none.
std::optional<RowRange> RowsToSave(const StateDomain& domain, RankPlace place) {
  const int64_t count = domain.row_count;
  if (domain.kind == StateDomain::Kind::kDense) {
    if (place.rank != 0) return {};
    return RowRange{0, count};
  }
  if (domain.sharded) return RowRange{domain.held.begin, domain.held.end};
  return RowRange{count * place.rank / place.world_size,
                  count * (place.rank + 1) / place.world_size};
}

bool CanTellChanges(const StateDomain& domain, RowRange rows) {
  return domain.changed != nullptr && rows.size() <= TouchedRows::kMostRows;
}

// Makes the arrays of a save.
class Collector {
 public:
  explicit Collector(SaveScope scope) : scope_(scope) {}

  void Add(const CheckpointArray& array, RowRange rows) {
    if (scope_ == SaveScope::kWhole || !CanTellChanges(array.domain, rows)) {
      const int64_t begin = rows.begin - array.domain.held.begin;
      return Add(array, array.values.narrow(0, begin, rows.size()), rows, {});
    }
    const Changed& changed = ChangedRowsOf(array, rows);
    const at::Tensor index = changed.index.to(array.values.device());
    Add(array, array.values.index_select(0, index), rows, changed.rows);
  }
  SavedArrays Take() { return std::move(saved_); }

 private:
  struct Changed {
    std::shared_ptr<const TouchedRows> rows;
    at::Tensor index;  // positions among this rank's rows
  };

  const Changed& ChangedRowsOf(const CheckpointArray& array, RowRange rows) {
    const auto [place, is_new] = changed_.try_emplace(array.changed_name);
    if (is_new) {
      const int64_t begin = rows.begin - array.domain.held.begin;
      std::vector<uint32_t> offsets = array.domain.changed->OffsetsIn(begin, begin + rows.size());
      std::vector<int64_t> index(offsets.begin(), offsets.end());
      for (int64_t& row : index) row += begin;
      place->second.index = ViewOf(index).clone();
      place->second.rows =
          std::make_shared<TouchedRows>(TouchedRows{array.changed_name, rows, std::move(offsets)});
    }
    return place->second;
  }

  void Add(const CheckpointArray& array, const at::Tensor& values, RowRange rows,
           std::shared_ptr<const TouchedRows> touched) {
    saved_.memory.push_back(values.to(at::kCPU).contiguous());
    saved_.arrays.push_back({.name = array.name,
                             .spec = SpecOf(array),
                             .rows = rows,
                             .data = saved_.memory.back().const_data_ptr(),
                             .touched = std::move(touched)});
  }

  const SaveScope scope_;
  std::map<std::string, Changed> changed_;  // [CheckpointArray::changed_name]
  SavedArrays saved_;
};

// Reads the rows that this rank holds, in blocks.
void Read(const CheckpointReader& checkpoint, const CheckpointArray& array) {
  const PositionRange& held = array.domain.held;
  const ArraySpec& expected = RequireArray(checkpoint, array.name, SpecOf(array));
  const int64_t block = std::max<int64_t>(1, kReadBytes / expected.row_bytes());
  for (int64_t begin = held.begin; begin < held.end; begin += block) {
    const int64_t end = std::min(held.end, begin + block);
    at::Tensor to = array.values.narrow(0, begin - held.begin, end - begin);
    const bool is_direct = to.is_cpu() && to.is_contiguous();
    at::Tensor buffer = is_direct ? to : at::empty(to.sizes(), to.options().device(at::kCPU));
    checkpoint.ReadRows(array.name, {begin, end}, buffer.mutable_data_ptr());
    if (!is_direct) to.copy_(buffer);
  }
}

void Load(const CheckpointReader& checkpoint, const CheckpointArrays& arrays) {
  for (const CheckpointArray& array : arrays) Read(checkpoint, array);
  for (const CheckpointArray& array : arrays) {
    if (!array.on_load) continue;
    try {
      array.on_load();
    } catch (const DataError& error) {
      throw DataError("checkpoint '{}': array '{}': {}", checkpoint.path(), array.name,
                      error.what());
    }
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

SavedArrays ArraysToSave(RunState& state, const ParameterLayout& layout, RankPlace place,
                         SaveScope scope) {
  Collector collector(scope);
  for (const CheckpointArray& array : ArraysOf(layout, state)) {
    if (const auto rows = RowsToSave(array.domain, place)) collector.Add(array, *rows);
  }
  return collector.Take();
}

SaveBytes BytesToSave(RunState& state, const ParameterLayout& layout, RankPlace place) {
  SaveBytes bytes;
  std::set<std::string> counted;  // names of TouchedRows
  for (const CheckpointArray& array : ArraysOf(layout, state)) {
    const std::optional<RowRange> rows = RowsToSave(array.domain, place);
    if (!rows) continue;
    const int64_t row_bytes = SpecOf(array).row_bytes();
    bytes.whole += rows->size() * row_bytes;
    if (!CanTellChanges(array.domain, *rows)) {
      bytes.changes += rows->size() * row_bytes;
      continue;
    }
    const int64_t begin = rows->begin - array.domain.held.begin;
    const int64_t count = array.domain.changed->CountIn(begin, begin + rows->size());
    bytes.changes += count * row_bytes;
    if (counted.insert(array.changed_name).second) {
      bytes.changes += count * int64_t{sizeof(uint32_t)};
    }
  }
  return bytes;
}

void LoadParameters(const CheckpointReader& checkpoint, const ParameterLayout& layout,
                    MetaParameters& parameters) {
  RequireRowOrder(checkpoint);
  Load(checkpoint, ModelArrays(layout, parameters));
}

void LoadRunState(const CheckpointReader& checkpoint, const ParameterLayout& layout,
                  RunState& state) {
  LoadParameters(checkpoint, layout, state.parameters);
  Load(checkpoint, OptimizerArrays(layout, state));
  for (EmbeddingTable& table : state.parameters.tables) table.ForgetChanges();
  state.counters = TrainStateFrom(checkpoint.manifest().scalars, checkpoint.path());
  state.optimizer.set_step_count(state.counters.step);
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

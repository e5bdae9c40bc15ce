#include "trainer/state/run_state.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include "common/error.h"
#include "trainer/state/model_arrays.h"

namespace hearth {
namespace {

// Before the name of the array whose optimizer state it is.
constexpr const char* kOptimizer = "optimizer/";

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
// The same, only to be read.
at::Tensor ViewOf(const std::vector<int64_t>& values) {
  return ViewOf(const_cast<std::vector<int64_t>&>(values));
}

// A dense tensor [layout.size()] as one array per parameter.
void VisitDense(const ParameterLayout& layout, at::Tensor& flat, const std::string& prefix,
                const std::string& suffix, const auto& visit) {
  for (size_t p = 0; p < layout.specs().size(); ++p) {
    const ParameterSpec& spec = layout.specs()[p];
    at::Tensor value = flat.narrow(0, spec.offset, spec.count).view(spec.shape);
    visit(prefix + ParameterArray(p, spec.name) + suffix, value);
  }
}

// Rows `owned` of an array of `row_count` rows; of one that is not sharded these are all.
struct Share {
  PositionRange owned;
  int64_t row_count = 0;
  bool sharded = false;
  const RowMarks* changed = nullptr;  // of `owned`; null: any may have
  std::string changed_name = {};      // of the arrays whose rows change together
};

Share ShareOf(EmbeddingTable& table, const std::string& name) {
  return {table.directory().owned(), table.directory().row_count(), table.shape().sharded,
          &table.directory().changed(), name + "/rows"};
}

// Ids that wait for a row of the table.
Share WaitingOf(EmbeddingTable& table, const std::string& name) {
  return {table.directory().owned(), table.directory().row_count(), table.shape().sharded,
          &table.directory().dynamic_ids()->waiting().changed(), name + "/waiting"};
}

// One row per bucket instead.
Share BucketsOf(EmbeddingTable& table) {
  const int64_t rows_per_bucket = table.directory().row_count() / RowPartition::kBuckets;
  return {{table.directory().owned().begin / rows_per_bucket,
           table.directory().owned().end / rows_per_bucket},
          RowPartition::kBuckets,
          table.shape().sharded};
}

// visit_table(name, tensor, share); visit_slots(prefix, slots, share): a table of dynamic ids.
void VisitParameters(const ParameterLayout& layout, at::Tensor& dense,
                     std::vector<EmbeddingTable>& tables, const auto& visit_dense,
                     const auto& visit_table, const auto& visit_slots) {
  VisitDense(layout, dense, "", "", visit_dense);
  for (size_t t = 0; t < tables.size(); ++t) {
    EmbeddingTable& table = tables[t];
    const std::string prefix = TableArray(t, table.name());
    const Share share = ShareOf(table, NumberedName(t, table.name()));
    visit_table(prefix + "/rows", table.rows(), share);
    if (table.directory().dynamic_ids() == nullptr) continue;
    visit_slots(prefix, table.directory().dynamic_ids()->rows(), share);
    if (table.new_rows().bucket_means().defined()) {
      visit_table(prefix + "/means", table.new_rows().bucket_means(), BucketsOf(table));
    }
  }
}

void VisitOptimizer(const ParameterLayout& layout, DenseOptimizer& optimizer,
                    std::vector<EmbeddingTable>& tables, const auto& visit_dense,
                    const auto& visit_table, const auto& visit_slots) {
  VisitDense(layout, optimizer.first_moment(), kOptimizer, "/first", visit_dense);
  VisitDense(layout, optimizer.second_moment(), kOptimizer, "/second", visit_dense);
  for (size_t t = 0; t < tables.size(); ++t) {
    EmbeddingTable& table = tables[t];
    const std::string name = NumberedName(t, table.name());
    const std::string prefix = kOptimizer + TableArray(t, table.name());
    const Share share = ShareOf(table, name);
    if (table.optimizer().first_moment().defined())
      visit_table(prefix + "/first", table.optimizer().first_moment(), share);
    visit_table(prefix + "/second", table.optimizer().second_moment(), share);
    visit_table(prefix + "/age", table.optimizer().age(), share);
    if (table.directory().dynamic_ids() == nullptr) continue;
    const Share waiting = WaitingOf(table, name);
    visit_slots(prefix + "/waiting", table.directory().dynamic_ids()->waiting(), waiting);
    at::Tensor counts = ViewOf(table.directory().dynamic_ids()->waiting_counts());
    visit_table(prefix + "/waiting/count", counts, waiting);
  }
}

// `value`: the rows of the share.
void ReadInto(const CheckpointReader& checkpoint, const std::string& name, at::Tensor& value,
              const Share& share) {
  const PositionRange& owned = share.owned;
  const ArraySpec& expected =
      RequireArray(checkpoint, name, {TypeOf(value), ShapeOfAll(value, share.row_count)});
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

// What this rank writes of an array: its rows, or where every rank has all of them some.
RowRange RowsToWrite(const Share& share, RankPlace place) {
  if (share.sharded) return {share.owned.begin, share.owned.end};
  return {share.row_count * place.rank / place.world_size,
          share.row_count * (place.rank + 1) / place.world_size};
}

bool CanTellChanges(const Share& share, RowRange rows) {
  return share.changed != nullptr && rows.size() <= TouchedRows::kMostRows;
}

// Collects what the visitors name.
class Collector {
 public:
  Collector(RankPlace place, SaveScope scope) : place_(place), scope_(scope) {}

  auto dense() {
    return [this](const std::string& name, const at::Tensor& value) {
      const int64_t row_count = value.size(0);
      if (place_.rank == 0) Add(name, value, {{0, row_count}, row_count}, {0, row_count}, {});
    };
  }
  auto table() {
    return [this](const std::string& name, const at::Tensor& value, const Share& share) {
      const RowRange rows = RowsToWrite(share, place_);
      const int64_t begin = rows.begin - share.owned.begin;
      if (scope_ == SaveScope::kWhole || !CanTellChanges(share, rows)) {
        return Add(name, value.narrow(0, begin, rows.size()), share, rows, {});
      }
      const Changed& changed = ChangedRowsOf(share, rows);
      Add(name, value.index_select(0, changed.index.to(value.device())), share, rows, changed.rows);
    };
  }
  auto slots() {
    return [this](const std::string& prefix, const LruSlots& of, const Share& share) {
      table()(prefix + "/ids", ViewOf(of.ids()), share);
      table()(prefix + "/last_step", ViewOf(of.last_steps()), share);
    };
  }

  SavedArrays Take() { return std::move(saved_); }

 private:
  struct Changed {
    std::shared_ptr<const TouchedRows> rows;
    at::Tensor index;  // among this rank's rows
  };

  const Changed& ChangedRowsOf(const Share& share, RowRange rows) {
    const auto [place, is_new] = changed_.try_emplace(share.changed_name);
    if (is_new) {
      const int64_t begin = rows.begin - share.owned.begin;
      std::vector<uint32_t> offsets = share.changed->OffsetsIn(begin, begin + rows.size());
      std::vector<int64_t> index(offsets.begin(), offsets.end());
      for (int64_t& row : index) row += begin;
      place->second.index = ViewOf(index).clone();
      place->second.rows =
          std::make_shared<TouchedRows>(TouchedRows{share.changed_name, rows, std::move(offsets)});
    }
    return place->second;
  }

  void Add(const std::string& name, const at::Tensor& value, const Share& share, RowRange rows,
           std::shared_ptr<const TouchedRows> touched) {
    saved_.memory.push_back(value.to(at::kCPU).contiguous());
    saved_.arrays.push_back({.name = name,
                             .spec = {TypeOf(value), ShapeOfAll(value, share.row_count)},
                             .rows = rows,
                             .data = saved_.memory.back().const_data_ptr(),
                             .touched = std::move(touched)});
  }

  const RankPlace place_;
  const SaveScope scope_;
  std::map<std::string, Changed> changed_;  // [Share::changed_name]
  SavedArrays saved_;
};

}  // namespace

SavedArrays ArraysToSave(RunState& state, const ParameterLayout& layout, RankPlace place,
                         SaveScope scope) {
  Collector collector(place, scope);
  VisitParameters(layout, state.parameters.dense, state.parameters.tables, collector.dense(),
                  collector.table(), collector.slots());
  VisitOptimizer(layout, state.optimizer, state.parameters.tables, collector.dense(),
                 collector.table(), collector.slots());
  return collector.Take();
}

SaveBytes BytesToSave(RunState& state, const ParameterLayout& layout, RankPlace place) {
  SaveBytes bytes;
  std::set<std::string> counted;  // TouchedRows
  const auto dense = [&](const std::string&, const at::Tensor& value) {
    if (place.rank != 0) return;
    bytes.whole += static_cast<int64_t>(value.nbytes());
    bytes.changes += static_cast<int64_t>(value.nbytes());
  };
  const auto table = [&](const std::string&, const at::Tensor& value, const Share& share) {
    const RowRange rows = RowsToWrite(share, place);
    const int64_t row_bytes =
        ArraySpec{TypeOf(value), ShapeOfAll(value, share.row_count)}.row_bytes();
    bytes.whole += rows.size() * row_bytes;
    if (!CanTellChanges(share, rows)) {
      bytes.changes += rows.size() * row_bytes;
      return;
    }
    const int64_t begin = rows.begin - share.owned.begin;
    const int64_t count = share.changed->CountIn(begin, begin + rows.size());
    bytes.changes += count * row_bytes;
    if (counted.insert(share.changed_name).second) {
      bytes.changes += count * int64_t{sizeof(uint32_t)};
    }
  };
  const auto slots = [&](const std::string& prefix, const LruSlots& of, const Share& share) {
    table(prefix + "/ids", ViewOf(of.ids()), share);
    table(prefix + "/last_step", ViewOf(of.last_steps()), share);
  };
  VisitParameters(layout, state.parameters.dense, state.parameters.tables, dense, table, slots);
  VisitOptimizer(layout, state.optimizer, state.parameters.tables, dense, table, slots);
  return bytes;
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
  RequireRowOrder(checkpoint);
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

#include "trainer/run_state.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "common/error.h"

namespace hearth {
namespace {

ColumnType TypeOf(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kDouble ? ColumnType::kFloat64 : ColumnType::kFloat32;
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

void VisitParameters(const ParameterLayout& layout, at::Tensor& dense,
                     std::vector<EmbeddingTable>& tables, const auto& visit_dense,
                     const auto& visit_table) {
  VisitDense(layout, dense, "parameters/", "", visit_dense);
  for (size_t t = 0; t < tables.size(); ++t) {
    visit_table("tables/" + ArrayNameOf(t, tables[t].name()) + "/rows", tables[t].rows());
  }
}

void VisitOptimizer(const ParameterLayout& layout, DenseOptimizer& optimizer,
                    std::vector<EmbeddingTable>& tables, const auto& visit_dense,
                    const auto& visit_table) {
  const std::string parameters = "optimizer/parameters/";
  VisitDense(layout, optimizer.first_moment(), parameters, "/first", visit_dense);
  VisitDense(layout, optimizer.second_moment(), parameters, "/second", visit_dense);
  for (size_t t = 0; t < tables.size(); ++t) {
    EmbeddingTable& table = tables[t];
    const std::string prefix = "optimizer/tables/" + ArrayNameOf(t, table.name());
    if (table.first_moment().defined()) visit_table(prefix + "/first", table.first_moment());
    visit_table(prefix + "/second", table.second_moment());
    visit_table(prefix + "/age", table.age());
  }
}

void ReadInto(const CheckpointReader& checkpoint, const std::string& name, at::Tensor& value) {
  const ArraySpec expected{TypeOf(value), value.sizes().vec()};
  const ArraySpec& found = checkpoint.Spec(name);
  if (found != expected) {
    throw DataError(
        "checkpoint '{}': array '{}' is {}, but this model needs {}; the configuration or the data "
        "set is not the one it was trained with",
        checkpoint.path(), name, found.ToString(), expected.ToString());
  }
  at::Tensor buffer = at::empty(value.sizes(), value.options().device(at::kCPU));
  checkpoint.ReadRows(name, {0, expected.row_count()}, buffer.mutable_data_ptr());
  value.copy_(buffer);
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
                json.at("evaluations_without_improvement").get<int64_t>()};
  } catch (const nlohmann::json::exception& error) {
    throw DataError("checkpoint '{}': bad training counters: {}", path, error.what());
  }
}

}  // namespace

std::vector<NamedArray> ArraysToSave(RunState& state, const ParameterLayout& layout, int rank,
                                     int world_size, std::vector<at::Tensor>& storage) {
  std::vector<NamedArray> arrays;
  const auto add = [&](const std::string& name, const at::Tensor& value, int64_t begin,
                       int64_t end) {
    storage.push_back(value.narrow(0, begin, end - begin).to(at::kCPU).contiguous());
    arrays.push_back({.name = name,
                      .spec = {TypeOf(value), value.sizes().vec()},
                      .rows = {begin, end},
                      .data = storage.back().const_data_ptr()});
  };
  const auto dense = [&](const std::string& name, const at::Tensor& value) {
    if (rank == 0) add(name, value, 0, value.size(0));
  };
  const auto table = [&](const std::string& name, const at::Tensor& value) {
    add(name, value, value.size(0) * rank / world_size, value.size(0) * (rank + 1) / world_size);
  };
  VisitParameters(layout, state.parameters.dense, state.parameters.tables, dense, table);
  VisitOptimizer(layout, state.optimizer, state.parameters.tables, dense, table);
  return arrays;
}

void LoadParameters(const CheckpointReader& checkpoint, const ParameterLayout& layout,
                    MetaParameters& parameters) {
  const auto read = [&](const std::string& name, at::Tensor& value) {
    ReadInto(checkpoint, name, value);
  };
  VisitParameters(layout, parameters.dense, parameters.tables, read, read);
}

void LoadRunState(const CheckpointReader& checkpoint, const ParameterLayout& layout,
                  RunState& state) {
  LoadParameters(checkpoint, layout, state.parameters);
  const auto read = [&](const std::string& name, at::Tensor& value) {
    ReadInto(checkpoint, name, value);
  };
  VisitOptimizer(layout, state.optimizer, state.parameters.tables, read, read);
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
  nlohmann::json json = {
      {"step", state.step},
      {"tasks_seen", state.tasks_seen},
      {"tasks_skipped", state.tasks_skipped},
      {"best_metric", nullptr},
      {"best_step", state.best_step},
      {"evaluations_without_improvement", state.evaluations_without_improvement}};
  if (std::isfinite(state.best_metric)) json["best_metric"] = state.best_metric;
  return json;
}

}  // namespace hearth

#include "trainer/serve/adapted_users_v2.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/ones.h>

#include "common/error.h"
#include "trainer/adapt/fast_rows.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

void RequireFinite(const Hdf5File& file, const std::string& name,
                   const std::vector<double>& values) {
  if (std::ranges::all_of(values, [](double x) { return std::isfinite(x); })) return;
  throw DataError("'{}': '{}' has a value that is not finite; adapt again", file.path(), name);
}

// The values of one adapted parameter, [user, shape...].
at::Tensor ReadParameter(const Hdf5File& file, const ParameterSpec& spec, int64_t users,
                         at::TensorOptions options) {
  const std::string name = "/parameters/" + spec.name;
  const std::vector<double> values = file.ReadDataset<double>(name);
  if (std::ssize(values) != users * spec.count) {
    throw DataError("'{}': parameter '{}' has {} numbers, {} users need {}", file.path(), spec.name,
                    values.size(), users, users * spec.count);
  }
  RequireFinite(file, name, values);
  std::vector<int64_t> shape = spec.shape;
  shape.insert(shape.begin(), users);
  return FromDoubles(values, shape, options);
}

// The adapted rows of one table, for all users.
struct RowsOfUsers {
  std::vector<int64_t> offsets, ids;
  std::vector<double> values;
};

void CheckRows(const Hdf5File& file, const TableSpec& table, int64_t users,
               const RowsOfUsers& rows) {
  const auto refuse = [&](const std::string& why) {
    throw DataError("'{}': the adapted rows of table '{}' are damaged: {}; adapt again",
                    file.path(), table.name, why);
  };
  const auto& [offsets, ids, values] = rows;
  if (std::ssize(offsets) != users + 1 || offsets.front() != 0 ||
      offsets.back() != std::ssize(ids)) {
    refuse("the offsets do not fit the users");
  }
  if (!std::ranges::is_sorted(offsets)) refuse("the offsets do not ascend");
  if (std::ssize(ids) * table.dim != std::ssize(values)) {
    refuse("there are not as many values as ids need");
  }
  for (int64_t u = 0; u < users; ++u) {
    const auto begin = ids.begin() + offsets[u], end = ids.begin() + offsets[u + 1];
    if (std::adjacent_find(begin, end, std::greater_equal<>()) != end) {
      refuse("the ids of a user do not ascend");
    }
    if (begin != end && (*begin < 0 || *(end - 1) >= table.row_count)) {
      refuse("an id is not a row of the table");
    }
  }
}

// Turns the table rows of a user into one fast field: each id becomes a support row of its own.
FastField FieldOfRows(const std::string& name, const EmbeddingTable& table,
                      const std::vector<int64_t>& ids, const at::Tensor& values) {
  const at::Tensor change = table.Gather(ids) - values;
  const int64_t count = std::ssize(ids);
  return {.name = name,
          .support = {.ids = FromIntegers(ids, {1, count, 1}, values.device()),
                      .weights = at::ones({1, count}, values.options())},
          .change = change.unsqueeze(0)};
}

// Turns a projection of a user into one fast field: each number becomes a support row of its own.
FastField FieldOfProjection(const std::string& name, const at::Tensor& shared,
                            const at::Tensor& own) {
  return {.name = name,
          .support = {.numbers = at::eye(shared.size(0), shared.options()).unsqueeze(0)},
          .change = (shared - own).unsqueeze(0)};
}

}  // namespace

void ReadStatesOfVersion2(const Hdf5File& file, const Learner& learner,
                          const MetaParameters& parameters, std::vector<TaskState>& states) {
  const ParameterLayout& layout = learner.layout();
  const at::TensorOptions options = learner.tensor_options();
  const int64_t users = std::ssize(states);
  const auto add = [&](int64_t p) {
    const at::Tensor all = ReadParameter(file, layout.spec(p), users, options);
    for (int64_t u = 0; u < users; ++u) states[u].Add(layout.spec(p).name, all.narrow(0, u, 1));
  };
  for (const int64_t p : learner.model().adaptable()) {
    if (file.Exists("/parameters/" + layout.spec(p).name)) add(p);
  }
  if (!file.Exists("/rows")) return;
  const ParameterValues theta = ViewParameters(layout, parameters.dense);
  const EntityEncoders& encoders = *learner.model().encoders();
  for (const FieldEncoder* side : {&encoders.tasks, &encoders.items}) {
    for (const FieldEncoder::Source& source : side->fields()) {
      if (source.projection >= 0) {
        const at::Tensor own = ReadParameter(file, layout.spec(source.projection), users, options);
        for (int64_t u = 0; u < users; ++u) {
          AddFieldToState(
              FieldOfProjection(source.name, theta[source.projection], own.select(0, u)),
              states[u]);
        }
        continue;
      }
      const TableSpec& table = learner.tables()[source.table];
      const std::string folder = "/rows/" + table.name;
      const RowsOfUsers rows{.offsets = file.ReadDataset<int64_t>(folder + "/offsets"),
                             .ids = file.ReadDataset<int64_t>(folder + "/ids"),
                             .values = file.ReadDataset<double>(folder + "/values")};
      CheckRows(file, table, users, rows);
      RequireFinite(file, folder + "/values", rows.values);
      const at::Tensor all = FromDoubles(rows.values, {std::ssize(rows.ids), table.dim}, options);
      for (int64_t u = 0; u < users; ++u) {
        const int64_t begin = rows.offsets[u], count = rows.offsets[u + 1] - begin;
        const std::vector<int64_t> ids(rows.ids.begin() + begin, rows.ids.begin() + begin + count);
        AddFieldToState(FieldOfRows(source.name, parameters.tables[source.table], ids,
                                    all.narrow(0, begin, count)),
                        states[u]);
      }
    }
  }
}

}  // namespace hearth

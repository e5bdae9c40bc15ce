#include "trainer/loop/replica_averager.h"

#include <algorithm>
#include <array>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>

#include "common/error.h"
#include "common/id_groups.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

at::Tensor TensorOf(std::vector<double>& values, at::IntArrayRef shape) {
  return at::from_blob(values.data(), shape, at::TensorOptions().dtype(at::kDouble));
}

// The count of numbers in a row.
int64_t ColumnsOf(const at::Tensor& state) { return state.dim() == 1 ? 1 : state.size(1); }

}  // namespace

ReplicaAverager::ReplicaAverager(MetaParameters& parameters, DenseOptimizer& optimizer,
                                 Communicator& communicator)
    : parameters_(parameters), optimizer_(optimizer), communicator_(communicator) {
  for (EmbeddingTable& table : parameters_.tables) {
    HEARTH_CHECK(!table.shape().sharded && !table.directory().is_dynamic(), "table {}",
                 table.name());
    table.StartTracking();
  }
}

void ReplicaAverager::Average() {
  AverageDense();
  for (EmbeddingTable& table : parameters_.tables) AverageRows(table);
}

void ReplicaAverager::AverageDense() {
  const std::array<at::Tensor, 3> tensors = {parameters_.dense, optimizer_.first_moment(),
                                             optimizer_.second_moment()};
  std::vector<double> values;
  for (const at::Tensor& tensor : tensors) {
    const std::vector<double> own = ToDoubles(tensor);
    values.insert(values.end(), own.begin(), own.end());
  }
  communicator_.AllReduce(std::span(values), ReduceOp::kSum);
  for (double& value : values) value /= communicator_.world_size();
  const at::Tensor mean = TensorOf(values, {std::ssize(values)});
  int64_t begin = 0;
  for (at::Tensor tensor : tensors) {
    tensor.copy_(mean.narrow(0, begin, tensor.numel()));
    begin += tensor.numel();
  }
}

void ReplicaAverager::AverageRows(EmbeddingTable& table) {
  const RowsById tracked = table.TakeTracked();
  // Each row that this rank touched sends its change, then its optimizer state.
  std::vector<int64_t> local_rows;
  for (const int64_t id : tracked.ids) local_rows.push_back(table.LocalRowOf(id));
  const at::Tensor index = at::from_blob(local_rows.data(), {std::ssize(local_rows)},
                                         at::TensorOptions().dtype(at::kLong))
                               .to(table.rows().device());
  std::vector<at::Tensor*> states = {&table.rows(), &table.optimizer().second_moment(),
                                     &table.optimizer().age()};
  at::Tensor& first_moment = table.optimizer().first_moment();
  if (first_moment.defined()) states.push_back(&first_moment);
  std::vector<at::Tensor> columns;
  for (const at::Tensor* state : states) {
    at::Tensor values = state->index_select(0, index);
    if (state == &table.rows()) values = values - tracked.rows;
    columns.push_back(values.reshape({std::ssize(tracked.ids), ColumnsOf(*state)}));
  }
  const std::vector<double> own = ToDoubles(at::cat(columns, 1));
  const std::vector<int64_t> ids = communicator_.AllGather(std::span<const int64_t>(tracked.ids));
  const std::vector<double> values = communicator_.AllGather(std::span<const double>(own));
  table.rows().index_copy_(0, index, tracked.rows);
  if (ids.empty()) return;

  const IdGroups groups(ids);
  const auto width = std::ssize(values) / std::ssize(ids);
  std::vector<double> means(groups.size() * width);
  SumRowsByGroup(
      groups, values.data(), width, [](double x) { return x; }, means.data());
  const int64_t age_column = table.dim() + 1;
  for (int64_t group = 0; group < groups.size(); ++group) {
    const std::span<const int64_t> places = groups.Places(group);
    double* mean = means.data() + group * width;
    for (int64_t c = 0; c < width; ++c) mean[c] /= static_cast<double>(places.size());
    mean[age_column] = 0.0;
    for (const int64_t place : places) {
      mean[age_column] = std::max(mean[age_column], values[place * width + age_column]);
    }
  }
  std::vector<int64_t> rows;
  for (const int64_t id : groups.ids()) rows.push_back(table.LocalRowOf(id));
  table.MarkChanged(rows);
  const at::Tensor all =
      at::from_blob(rows.data(), {std::ssize(rows)}, at::TensorOptions().dtype(at::kLong))
          .to(table.rows().device());
  const at::Tensor mean = TensorOf(means, {groups.size(), width}).to(table.rows().options());
  int64_t begin = 0;
  for (at::Tensor* state : states) {
    at::Tensor means_of_state = mean.narrow(1, begin, ColumnsOf(*state));
    if (state->dim() == 1) means_of_state = means_of_state.squeeze(1);
    if (state == &table.rows()) {
      state->index_add_(0, all, means_of_state);
    } else {
      state->index_copy_(0, all, means_of_state);
    }
    begin += ColumnsOf(*state);
  }
}

}  // namespace hearth

#include "trainer/table/row_optimizer.h"

#include <ATen/Dispatch.h>

#include "common/error.h"
#include "trainer/table/device_rows.h"
#include "trainer/table/row_memory.h"
#include "trainer/table/row_update.h"

namespace hearth {

RowOptimizer::RowOptimizer(TableOptimizer kind, int64_t row_count, int64_t dim,
                           at::TensorOptions options)
    : kind_(kind),
      state_(EmptyTableRows({row_count, 2}, options).zero_()),
      second_moment_(state_.select(1, 0)),
      age_(state_.select(1, 1)) {
  if (kind == TableOptimizer::kAdam) {
    first_moment_ = EmptyTableRows({row_count, dim}, options).zero_();
  }
}

int64_t RowOptimizer::BytesFor(TableOptimizer kind, int64_t row_count, int64_t dim,
                               int64_t element_bytes) {
  return row_count * (2 + (kind == TableOptimizer::kAdam ? dim : 0)) * element_bytes;
}

void RowOptimizer::Step(at::Tensor& rows, std::span<const int64_t> named,
                        const at::Tensor& gradient, double lr, double l2) {
  StepNamed(rows, named, gradient, lr, l2);
}

void RowOptimizer::Step(at::Tensor& rows, const IdGroups& named, const at::Tensor& gradient,
                        double lr, double l2) {
  StepNamed(rows, named, gradient, lr, l2);
}

template <typename Named>
void RowOptimizer::StepNamed(at::Tensor& rows, const Named& named, const at::Tensor& gradient,
                             double lr, double l2) {
  HEARTH_CHECK(rows.size(0) == state_.size(0) && rows.scalar_type() == state_.scalar_type() &&
                   rows.device() == state_.device(),
               "{} rows, state of {}", rows.size(0), state_.size(0));
  const RowStep step = {.optimizer = kind_, .lr = lr, .l2 = l2};
  AT_DISPATCH_FLOATING_TYPES(rows.scalar_type(), "RowOptimizer", [&] {
    TableMemory<scalar_t> memory = {.rows = rows.mutable_data_ptr<scalar_t>(),
                                    .first_moment = nullptr,
                                    .state = state_.mutable_data_ptr<scalar_t>(),
                                    .dim = rows.size(1)};
    if (first_moment_.defined()) memory.first_moment = first_moment_.mutable_data_ptr<scalar_t>();
    const auto* values = gradient.const_data_ptr<scalar_t>();
    if (rows.is_cuda()) {
      StepRowsOnDevice(memory, named, values, step, rows.device());
    } else {
      StepRows(memory, named, values, step);
    }
  });
}

void RowOptimizer::Reset(int64_t row) {
  state_.select(0, row).zero_();
  if (first_moment_.defined()) first_moment_.select(0, row).zero_();
}

void RowOptimizer::ListState(const StateDomain& rows, StateList& list) {
  if (first_moment_.defined()) list.push_back({"first", first_moment_, rows});
  list.push_back({"second", second_moment_, rows});
  list.push_back({"age", age_, rows});
}

}  // namespace hearth

#include "trainer/table/row_memory.h"

#include <ATen/Dispatch.h>
#include <ATen/ops/empty.h>

#include "common/huge_pages.h"
#include "trainer/table/device_rows.h"
#include "trainer/table/row_update.h"

namespace hearth {

at::Tensor EmptyTableRows(at::IntArrayRef shape, const at::TensorOptions& options) {
  at::Tensor rows = at::empty(shape, options);
  if (rows.is_cpu()) {
    PreferHugePages(rows.mutable_data_ptr(), rows.nbytes());
  }
  return rows;
}

at::Tensor CopyTableRows(const at::Tensor& rows, std::span<const int64_t> places) {
  const int64_t dim = rows.size(1);
  at::Tensor out = at::empty({std::ssize(places), dim}, rows.options());
  AT_DISPATCH_FLOATING_TYPES(rows.scalar_type(), "CopyTableRows", [&] {
    const auto* from = rows.const_data_ptr<scalar_t>();
    auto* to = out.mutable_data_ptr<scalar_t>();
    if (rows.is_cuda()) {
      GatherRowsOnDevice(from, dim, places, to, rows.device());
    } else {
      GatherRows<scalar_t>(from, dim, places, to);
    }
  });
  return out;
}

}  // namespace hearth

#include "trainer/table/row_update.h"

#include <functional>
#include <vector>

#include "common/prefetch.h"

namespace hearth {
namespace {

// The number of rows fetched ahead of their turn. A row of 32 floats and its state are three cache
// lines.
constexpr size_t kAhead = 16;

template <typename Real>
[[gnu::always_inline]] inline void PrefetchRow(const TableMemory<Real>& table, int64_t row) {
  Prefetch(table.rows + row * table.dim, table.dim);
  if (table.first_moment != nullptr) Prefetch(table.first_moment + row * table.dim, table.dim);
  Prefetch(table.state + row * 2, 2);
}

// Calls run(table) with the usual widths as constants. A loop over a row of 32 numbers is mostly
// overhead unless the compiler knows its length.
template <typename Real, typename Run>
void WithKnownDim(TableMemory<Real> table, const Run& run) {
  switch (table.dim) {
    case 8:
      table.dim = 8;
      return run(table);
    case 16:
      table.dim = 16;
      return run(table);
    case 32:
      table.dim = 32;
      return run(table);
    case 64:
      table.dim = 64;
      return run(table);
    default:
      return run(table);
  }
}

}  // namespace

template <typename Real>
void GatherRows(const Real* rows, int64_t dim, std::span<const int64_t> ids, Real* out) {
  for (size_t i = 0; i < ids.size() && i < kAhead; ++i) Prefetch(rows + ids[i] * dim, dim);
  for (size_t i = 0; i < ids.size(); ++i, out += dim) {
    if (i + kAhead < ids.size()) Prefetch(rows + ids[i + kAhead] * dim, dim);
    CopyRow(OneLane(), rows + ids[i] * dim, dim, out);
  }
}

template <typename Real>
[[gnu::flatten]] void StepRows(const TableMemory<Real>& table, std::span<const int64_t> ids,
                               const Real* gradient, const RowStep& step) {
  WithKnownDim(table, [=](const TableMemory<Real>& of_dim) {
    for (size_t i = 0; i < ids.size() && i < kAhead; ++i) PrefetchRow(of_dim, ids[i]);
    const Real* of_row = gradient;
    for (size_t i = 0; i < ids.size(); ++i, of_row += of_dim.dim) {
      if (i + kAhead < ids.size()) PrefetchRow(of_dim, ids[i + kAhead]);
      StepRow(OneLane(), of_dim, ids[i], of_row, step);
    }
  });
}

template <typename Real>
[[gnu::flatten]] void StepRows(const TableMemory<Real>& table, const IdGroups& groups,
                               const Real* gradient, const RowStep& step) {
  const std::span<const int64_t> ids = groups.ids();
  std::vector<Real> sum(table.dim);
  WithKnownDim(table, [&](const TableMemory<Real>& of_dim) {
    for (size_t i = 0; i < ids.size() && i < kAhead; ++i) PrefetchRow(of_dim, ids[i]);
    VisitGroupSums(
        groups, gradient, of_dim.dim, std::identity(), [&](int64_t) { return sum.data(); },
        [&](int64_t group) {
          const auto i = static_cast<size_t>(group);
          if (i + kAhead < ids.size()) PrefetchRow(of_dim, ids[i + kAhead]);
          StepRow(OneLane(), of_dim, ids[i], sum.data(), step);
        });
  });
}

template void GatherRows(const float*, int64_t, std::span<const int64_t>, float*);
template void GatherRows(const double*, int64_t, std::span<const int64_t>, double*);
template void StepRows(const TableMemory<float>&, std::span<const int64_t>, const float*,
                       const RowStep&);
template void StepRows(const TableMemory<double>&, std::span<const int64_t>, const double*,
                       const RowStep&);
template void StepRows(const TableMemory<float>&, const IdGroups&, const float*, const RowStep&);
template void StepRows(const TableMemory<double>&, const IdGroups&, const double*, const RowStep&);

}  // namespace hearth

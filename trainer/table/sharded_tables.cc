#include "trainer/table/sharded_tables.h"

#include <algorithm>

#include <ATen/ops/from_blob.h>

#include "common/error.h"
#include "common/id_groups.h"

namespace hearth {
namespace {

template <typename Real>
FetchedRows FetchAs(Communicator& communicator, const RowRequest& request,
                    const MetaParameters& parameters) {
  const std::vector<EmbeddingTable>& tables = parameters.tables;
  const std::vector<TableShape> shapes = ShapesOf(parameters);
  std::vector<std::vector<Real>> rows = FetchRows<Real>(
      communicator, shapes, request, [&](int64_t table, std::span<const int64_t> ids, Real* out) {
        const at::Tensor owned = tables[table].Gather(ids).to(at::kCPU).contiguous();
        std::copy_n(owned.const_data_ptr<Real>(), owned.numel(), out);
      });
  FetchedRows fetched;
  fetched.tables.resize(tables.size());
  for (int64_t t = 0; t < std::ssize(tables); ++t) {
    if (!shapes[t].sharded) continue;
    const std::vector<int64_t>& ids = request.ids(t);
    HEARTH_CHECK(Ascends(ids), "ids of table {}", tables[t].name());
    const auto type = at::TensorOptions().dtype(c10::CppTypeToScalarType<Real>::value);
    const at::Tensor of_table =
        at::from_blob(rows[t].data(), {std::ssize(ids), shapes[t].dim}, type).clone();
    fetched.tables[t] = {ids, of_table.to(tables[t].rows().options())};
  }
  return fetched;
}

}  // namespace

std::vector<TableShape> ShapesOf(const MetaParameters& parameters) {
  std::vector<TableShape> shapes;
  for (const EmbeddingTable& table : parameters.tables) shapes.push_back(table.shape());
  return shapes;
}

bool AnySharded(const MetaParameters& parameters) {
  return std::ranges::any_of(parameters.tables,
                             [](const EmbeddingTable& table) { return table.shape().sharded; });
}

RowRequest RequestRows(const MetaParameters& parameters,
                       std::vector<std::vector<int64_t>> table_rows) {
  const std::vector<TableShape> shapes = ShapesOf(parameters);
  table_rows.resize(shapes.size());  // a side without entities has no lists
  for (size_t t = 0; t < shapes.size(); ++t) {
    if (!shapes[t].sharded) table_rows[t].clear();
  }
  return {shapes, std::move(table_rows)};
}

FetchedRows FetchTableRows(Communicator& communicator, const RowRequest& request,
                           const MetaParameters& parameters) {
  if (parameters.dense.scalar_type() == at::kDouble) {
    return FetchAs<double>(communicator, request, parameters);
  }
  return FetchAs<float>(communicator, request, parameters);
}

FetchedRows FetchTableRows(Communicator& communicator, std::vector<std::vector<int64_t>> table_rows,
                           const MetaParameters& parameters) {
  if (!AnySharded(parameters)) return {};
  RowRequest request = RequestRows(parameters, std::move(table_rows));
  ExchangeIds(communicator, request);
  return FetchTableRows(communicator, request, parameters);
}

}  // namespace hearth

#include "trainer/table/sharded_tables.h"

#include <algorithm>

#include <ATen/Dispatch.h>
#include <ATen/ops/from_blob.h>

namespace hearth {
namespace {

template <typename Real>
void FetchAs(Communicator& communicator, const RowRequest& request, MetaParameters& parameters) {
  std::vector<EmbeddingTable>& tables = parameters.tables;
  const std::vector<TableShape> shapes = ShapesOf(parameters);
  std::vector<std::vector<Real>> rows = FetchRows<Real>(
      communicator, shapes, request, [&](int64_t table, std::span<const int64_t> ids, Real* out) {
        const at::Tensor owned =
            tables[static_cast<size_t>(table)].GatherOwned(ids).to(at::kCPU).contiguous();
        std::copy_n(owned.const_data_ptr<Real>(), owned.numel(), out);
      });
  for (size_t t = 0; t < tables.size(); ++t) {
    if (!shapes[t].sharded) continue;
    const std::vector<int64_t>& ids = request.ids(static_cast<int64_t>(t));
    const auto type = at::TensorOptions().dtype(c10::CppTypeToScalarType<Real>::value);
    tables[t].SetFetched(
        ids, at::from_blob(rows[t].data(), {std::ssize(ids), shapes[t].dim}, type).clone());
  }
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
  table_rows.resize(shapes.size());  // no entity, no list
  for (size_t t = 0; t < shapes.size(); ++t) {
    if (!shapes[t].sharded) table_rows[t].clear();
  }
  return {shapes, std::move(table_rows)};
}

void FetchTableRows(Communicator& communicator, const RowRequest& request,
                    MetaParameters& parameters) {
  AT_DISPATCH_FLOATING_TYPES(parameters.dense.scalar_type(), "FetchTableRows",
                             [&] { FetchAs<scalar_t>(communicator, request, parameters); });
}

void FetchTableRows(Communicator& communicator, std::vector<std::vector<int64_t>> table_rows,
                    MetaParameters& parameters) {
  if (!AnySharded(parameters)) return;
  RowRequest request = RequestRows(parameters, std::move(table_rows));
  ExchangeIds(communicator, request);
  FetchTableRows(communicator, request, parameters);
}

}  // namespace hearth

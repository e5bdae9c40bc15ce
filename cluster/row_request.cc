#include "cluster/row_request.h"

#include <algorithm>

#include "common/error.h"

namespace hearth {

RowRequest::RowRequest(std::span<const TableShape> tables, std::vector<std::vector<int64_t>> ids) {
  HEARTH_CHECK(ids.size() == tables.size(), "ids of {} tables, there are {}", ids.size(),
               tables.size());
  for (size_t t = 0; t < tables.size(); ++t) {
    const RowPartition& partition = tables[t].partition;
    const int owners = partition.world_size();
    HEARTH_CHECK(tables[t].sharded || ids[t].empty(), "table {} is on every rank", t);
    Table& table = tables_.emplace_back();
    table.ids = std::move(ids[t]);
    table.begins.assign(owners + 1, 0);
    table.asked.resize(owners);
    std::vector<int> owner_of(table.ids.size());
    for (size_t i = 0; i < table.ids.size(); ++i) {
      owner_of[i] = partition.OwnerOf(table.ids[i]);
      ++table.begins[owner_of[i] + 1];
    }
    for (int o = 0; o < owners; ++o) table.begins[o + 1] += table.begins[o];
    table.grouped.resize(table.ids.size());
    table.places.resize(table.ids.size());
    std::vector<int64_t> next(table.begins.begin(), table.begins.end() - 1);
    for (size_t i = 0; i < table.ids.size(); ++i) {
      const int64_t to = next[owner_of[i]]++;
      table.grouped[to] = table.ids[i];
      table.places[to] = i;
    }
  }
}

std::span<const int64_t> RowRequest::IdsOf(int64_t table, int owner) const {
  const auto* begins = At(table).begins.data() + owner;
  return std::span(At(table).grouped).subspan(begins[0], begins[1] - begins[0]);
}

std::span<const int64_t> RowRequest::PlacesOf(int64_t table, int owner) const {
  const auto* begins = At(table).begins.data() + owner;
  return std::span(At(table).places).subspan(begins[0], begins[1] - begins[0]);
}

std::span<const int64_t> RowRequest::AskedBy(int64_t table, int rank) const {
  return At(table).asked[rank];
}

void RowRequest::Write(int owner, MessageWriter& message) const {
  for (int64_t t = 0; t < table_count(); ++t) {
    const std::span<const int64_t> ids = IdsOf(t, owner);
    message.AppendValue(std::ssize(ids));
    message.Append(ids);
  }
}

void RowRequest::ReadFrom(int rank, MessageReader& message) {
  for (Table& table : tables_) {
    table.asked[rank] = message.ReadList<int64_t>(message.ReadValue<int64_t>());
  }
}

void ExchangeIds(Communicator& communicator, RowRequest& request) {
  const int world_size = communicator.world_size();
  MessageWriter message;
  for (int owner = 0; owner < world_size; ++owner) {
    request.Write(owner, message);
    message.EndReceiver();
  }
  const std::vector<uint8_t> received =
      communicator.AllToAll(message.bytes(), std::span(message.sizes()));
  MessageReader reader(received);
  for (int rank = 0; rank < world_size; ++rank) request.ReadFrom(rank, reader);
}

template <typename Real>
std::vector<std::vector<Real>> FetchRows(
    Communicator& communicator, std::span<const TableShape> tables, const RowRequest& request,
    const std::function<void(int64_t table, std::span<const int64_t> ids, Real* out)>& read) {
  const int world_size = communicator.world_size();
  MessageWriter message;
  std::vector<Real> rows_of_rank;
  for (int rank = 0; rank < world_size; ++rank) {
    for (int64_t t = 0; t < request.table_count(); ++t) {
      const TableShape& shape = tables[t];
      const std::span<const int64_t> ids = request.AskedBy(t, rank);
      rows_of_rank.resize(ids.size() * shape.dim);
      if (!ids.empty()) read(t, ids, rows_of_rank.data());
      AppendRows(std::span<const Real>(rows_of_rank), shape.wire, message);
    }
    message.EndReceiver();
  }
  const std::vector<uint8_t> received =
      communicator.AllToAll(message.bytes(), std::span(message.sizes()));

  std::vector<std::vector<Real>> rows;
  for (int64_t t = 0; t < request.table_count(); ++t) {
    rows.emplace_back(request.ids(t).size() * tables[t].dim);
  }
  MessageReader reader(received);
  for (int owner = 0; owner < world_size; ++owner) {
    for (int64_t t = 0; t < request.table_count(); ++t) {
      const TableShape& shape = tables[t];
      for (const int64_t place : request.PlacesOf(t, owner)) {
        const std::span row = std::span(rows[t]).subspan(place * shape.dim, shape.dim);
        ReadRows(reader, shape.wire, row);
      }
    }
  }
  HEARTH_CHECK(reader.empty(), "more rows came than were asked for");
  return rows;
}

template std::vector<std::vector<float>> FetchRows(
    Communicator&, std::span<const TableShape>, const RowRequest&,
    const std::function<void(int64_t, std::span<const int64_t>, float*)>&);
template std::vector<std::vector<double>> FetchRows(
    Communicator&, std::span<const TableShape>, const RowRequest&,
    const std::function<void(int64_t, std::span<const int64_t>, double*)>&);

}  // namespace hearth

#include "trainer/serve/adapt_users.h"

#include <ATen/ops/from_blob.h>

#include "cluster/byte_message.h"
#include "trainer/table/sharded_tables.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

// Users adapted between two fetches of rows of sharded tables, on each rank.
constexpr size_t kUsersPerFetch = 64;

AdaptedUser BaseModelFor(const MetaLearner& learner, const MetaParameters& parameters) {
  return {.values = ViewParameters(learner.model().layout(), parameters.dense)};
}

void WriteTensor(const at::Tensor& tensor, MessageWriter& message) {
  const std::vector<double> values = ToDoubles(tensor);
  message.Append(std::span<const double>(values));
}

at::Tensor ReadTensor(MessageReader& message, const std::vector<int64_t>& shape,
                      at::TensorOptions options) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  std::vector<double> values = message.ReadList<double>(count);
  return at::from_blob(values.data(), shape, at::TensorOptions().dtype(at::kDouble))
      .to(options, /*non_blocking=*/false, /*copy=*/true);
}

// What differs from the base model.
void WriteUser(const MetaLearner& learner, const AdaptedUser& user, MessageWriter& message) {
  for (const int64_t p : learner.method().adapted()) {
    WriteTensor(user.values[static_cast<size_t>(p)], message);
  }
  message.AppendValue(std::ssize(user.row_ids));
  for (size_t t = 0; t < user.row_ids.size(); ++t) {
    message.AppendValue(std::ssize(user.row_ids[t]));
    message.Append(std::span<const int64_t>(user.row_ids[t]));
    WriteTensor(user.rows[t], message);
  }
}

AdaptedUser ReadUser(const MetaLearner& learner, const MetaParameters& parameters,
                     MessageReader& message) {
  AdaptedUser user = BaseModelFor(learner, parameters);
  const at::TensorOptions options = parameters.dense.options();
  for (const int64_t p : learner.method().adapted()) {
    std::vector<int64_t> shape = learner.model().layout().spec(p).shape;
    shape.insert(shape.begin(), 1);
    user.values[static_cast<size_t>(p)] = ReadTensor(message, shape, options);
  }
  const auto tables = message.ReadValue<int64_t>();
  for (int64_t t = 0; t < tables; ++t) {
    const auto count = message.ReadValue<int64_t>();
    user.row_ids.push_back(message.ReadList<int64_t>(count));
    user.rows.push_back(
        ReadTensor(message, {count, parameters.tables[static_cast<size_t>(t)].dim()}, options));
  }
  return user;
}

}  // namespace

std::vector<AdaptedUser> AdaptUsers(const MetaLearner& learner, MetaParameters& parameters,
                                    std::span<const SupportSet> users,
                                    const AdaptUsersOptions& options, Communicator& communicator) {
  const auto adapts = [&](const SupportSet& user) { return options.adapt && !user.items.empty(); };
  const bool one_rank = communicator.world_size() == 1;
  std::vector<AdaptedUser> adapted(users.size(), BaseModelFor(learner, parameters));
  MessageWriter message;
  const size_t per_round = kUsersPerFetch * static_cast<size_t>(communicator.world_size());
  for (size_t begin = 0; begin < users.size(); begin += per_round) {
    std::vector<size_t> own;
    std::vector<Chunk> chunks;
    for (size_t u = begin; u < std::min(users.size(), begin + per_round); ++u) {
      if (!adapts(users[u]) || !IsOwnUser(u, communicator)) continue;
      own.push_back(u);
      chunks.push_back(
          ChunkOf(users[u], options.negatives, learner.item_fields().entity_count(), options.seed));
    }
    FetchTableRows(communicator, learner.builder().TableRowsOf(chunks), parameters);
    for (size_t i = 0; i < own.size(); ++i) {
      adapted[own[i]] = learner.Adapt(parameters, chunks[i]);
      if (!one_rank) WriteUser(learner, adapted[own[i]], message);
    }
  }
  if (one_rank) return adapted;
  std::vector<int64_t> sizes;
  const std::vector<uint8_t> all = communicator.AllGather(message.bytes(), &sizes);
  std::vector<MessageReader> readers;
  size_t offset = 0;
  for (const int64_t size : sizes) {
    readers.emplace_back(std::span(all).subspan(offset, static_cast<size_t>(size)));
    offset += static_cast<size_t>(size);
  }
  for (size_t u = 0; u < users.size(); ++u) {
    if (adapts(users[u])) {
      adapted[u] = ReadUser(learner, parameters, readers[u % readers.size()]);
    }
  }
  return adapted;
}

}  // namespace hearth

#include "trainer/serve/adapt_users.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "cluster/byte_message.h"
#include "trainer/table/sharded_tables.h"
#include "trainer/tensor/parameters.h"

namespace hearth {
namespace {

// Users that each rank adapts between two fetches of rows of sharded tables.
constexpr int64_t kUsersPerFetch = 64;

void WriteText(const std::string& text, MessageWriter& message) {
  message.AppendValue(std::ssize(text));
  message.Append(std::span<const char>(text));
}

std::string ReadText(MessageReader& message) {
  const std::vector<char> text = message.ReadList<char>(message.ReadValue<int64_t>());
  return {text.begin(), text.end()};
}

// Integers travel as they are, real numbers as doubles.
void WriteTensor(const at::Tensor& tensor, MessageWriter& message) {
  const bool is_integer = tensor.scalar_type() == at::kLong;
  message.AppendValue(int64_t{is_integer});
  message.AppendValue(tensor.dim());
  message.Append(std::span<const int64_t>(tensor.sizes().data(), tensor.sizes().size()));
  if (is_integer) {
    const at::Tensor cpu = tensor.to(at::kCPU).contiguous();
    message.Append(std::span(cpu.const_data_ptr<int64_t>(), cpu.numel()));
  } else {
    const std::vector<double> values = ToDoubles(tensor);
    message.Append(std::span<const double>(values));
  }
}

at::Tensor ReadTensor(MessageReader& message, at::TensorOptions options) {
  const bool is_integer = message.ReadValue<int64_t>() != 0;
  const std::vector<int64_t> shape = message.ReadList<int64_t>(message.ReadValue<int64_t>());
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  if (is_integer) return FromIntegers(message.ReadList<int64_t>(count), shape, options.device());
  return FromDoubles(message.ReadList<double>(count), shape, options);
}

void WriteState(const TaskState& state, MessageWriter& message) {
  message.AppendValue(std::ssize(state.tensors));
  for (const NamedTensor& entry : state.tensors) {
    WriteText(entry.name, message);
    WriteTensor(entry.tensor, message);
  }
}

TaskState ReadState(MessageReader& message, at::TensorOptions options) {
  TaskState state;
  const auto count = message.ReadValue<int64_t>();
  for (int64_t i = 0; i < count; ++i) {
    std::string name = ReadText(message);
    state.Add(std::move(name), ReadTensor(message, options));
  }
  return state;
}

}  // namespace

std::vector<TaskState> AdaptUsers(const Learner& learner, const MetaParameters& parameters,
                                  const DataBinding& data, std::span<const SupportSet> users,
                                  const AdaptUsersOptions& options, Communicator& communicator) {
  const auto adapts = [&](const SupportSet& user) { return options.adapt && !user.items.empty(); };
  std::optional<NegativeSampler> sampler;
  if (options.negatives > 0) {
    sampler =
        CatalogueSampler(learner.schema()->catalogue, data.items(), options.negative_sampling);
  }
  const ServedNegatives negatives{.per_row = options.negatives,
                                  .are_rows = NegativesAreRows(learner.loss()),
                                  .seed = options.seed};
  const bool one_rank = communicator.world_size() == 1;
  std::vector<TaskState> states(users.size());
  MessageWriter message;
  const int64_t per_round = kUsersPerFetch * communicator.world_size();
  for (int64_t begin = 0; begin < std::ssize(users); begin += per_round) {
    std::vector<int64_t> own;
    std::vector<Chunk> chunks;
    for (int64_t u = begin; u < std::min(std::ssize(users), begin + per_round); ++u) {
      if (!adapts(users[u]) || !IsOwnUser(u, communicator)) continue;
      own.push_back(u);
      chunks.push_back(ChunkOf(users[u]));
      if (sampler) DrawNegatives(users[u], *sampler, negatives, chunks.back());
    }
    const FetchedRows fetched =
        FetchTableRows(communicator, data.builder().TableRowsOf(chunks), parameters);
    for (size_t i = 0; i < own.size(); ++i) {
      TaskState& state = states[own[i]];
      state = learner.Adapt(parameters, data.builder(), chunks[i], fetched);
      if (!one_rank) WriteState(state, message);
    }
  }
  if (one_rank) return states;
  std::vector<int64_t> sizes;
  const std::vector<uint8_t> all = communicator.AllGather(message.bytes(), &sizes);
  std::vector<MessageReader> readers;
  int64_t offset = 0;
  for (const int64_t size : sizes) {
    readers.emplace_back(std::span(all).subspan(offset, size));
    offset += size;
  }
  for (size_t u = 0; u < users.size(); ++u) {
    if (!adapts(users[u])) continue;
    states[u] = ReadState(readers[u % readers.size()], learner.tensor_options());
  }
  return states;
}

}  // namespace hearth

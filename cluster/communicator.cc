#include "cluster/communicator.h"

#include <array>

#include "common/error.h"
#include "common/to_underlying.h"

namespace hearth {
namespace {

template <typename T>
std::span<uint8_t> WritableBytes(std::span<T> data) {
  return {reinterpret_cast<uint8_t*>(data.data()), data.size_bytes()};
}

}  // namespace

std::string_view NameOf(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
      return "sum";
    case ReduceOp::kMin:
      return "min";
    case ReduceOp::kMax:
      return "max";
  }
  HEARTH_CHECK(false, "reduce operation {}", ToUnderlying(op));
}

std::string_view NameOf(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return "float32";
    case ElementType::kFloat64:
      return "float64";
    case ElementType::kInt32:
      return "int32";
    case ElementType::kInt64:
      return "int64";
    case ElementType::kUint8:
      return "uint8";
  }
  HEARTH_CHECK(false, "element type {}", ToUnderlying(type));
}

int64_t SizeBytesOf(ElementType type) {
  switch (type) {
    case ElementType::kUint8:
      return 1;
    case ElementType::kFloat32:
    case ElementType::kInt32:
      return 4;
    case ElementType::kFloat64:
    case ElementType::kInt64:
      return 8;
  }
  HEARTH_CHECK(false, "element type {}", ToUnderlying(type));
}

void Communicator::AllReduce(std::span<float> data, ReduceOp op) {
  AllReduceElements(data.data(), std::ssize(data), ElementType::kFloat32, op);
}
void Communicator::AllReduce(std::span<double> data, ReduceOp op) {
  AllReduceElements(data.data(), std::ssize(data), ElementType::kFloat64, op);
}
void Communicator::AllReduce(std::span<int32_t> data, ReduceOp op) {
  AllReduceElements(data.data(), std::ssize(data), ElementType::kInt32, op);
}
void Communicator::AllReduce(std::span<int64_t> data, ReduceOp op) {
  AllReduceElements(data.data(), std::ssize(data), ElementType::kInt64, op);
}
void Communicator::AllReduce(std::span<uint8_t> data, ReduceOp op) {
  AllReduceElements(data.data(), std::ssize(data), ElementType::kUint8, op);
}

void Communicator::Broadcast(std::span<float> data, int root) {
  BroadcastBytes(WritableBytes(data), root);
}
void Communicator::Broadcast(std::span<double> data, int root) {
  BroadcastBytes(WritableBytes(data), root);
}
void Communicator::Broadcast(std::span<int32_t> data, int root) {
  BroadcastBytes(WritableBytes(data), root);
}
void Communicator::Broadcast(std::span<int64_t> data, int root) {
  BroadcastBytes(WritableBytes(data), root);
}
void Communicator::Broadcast(std::span<uint8_t> data, int root) { BroadcastBytes(data, root); }

void Communicator::DivideBy(int64_t size, std::vector<int64_t>* values) {
  for (int64_t& value : *values) {
    HEARTH_CHECK(value % size == 0, "{} bytes are not a whole number of {}-byte elements", value,
                 size);
    value /= size;
  }
}

std::string BroadcastText(Communicator& communicator, std::string text, int root) {
  std::array<int64_t, 1> size = {std::ssize(text)};
  communicator.Broadcast(std::span<int64_t>(size), root);
  text.resize(size[0]);
  communicator.Broadcast(std::span(reinterpret_cast<uint8_t*>(text.data()), text.size()), root);
  return text;
}

std::vector<std::string> AllGatherText(Communicator& communicator, const std::string& text) {
  std::vector<int64_t> lengths;
  const std::vector<char> all = communicator.AllGather<char>(text, &lengths);
  std::vector<std::string> texts;
  auto begin = all.begin();
  for (const int64_t length : lengths) {
    texts.emplace_back(begin, begin + length);
    begin += length;
  }
  return texts;
}

}  // namespace hearth

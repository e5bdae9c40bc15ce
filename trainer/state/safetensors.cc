#include "trainer/state/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <nlohmann/json.hpp>

#include "common/error.h"

namespace hearth {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr int64_t kSizeBytes = 8;  // of the size of the header

const char* TypeName(ColumnType type) {
  switch (type) {
    case ColumnType::kUint8:
      return "U8";
    case ColumnType::kInt32:
      return "I32";
    case ColumnType::kUint32:
      return "U32";
    case ColumnType::kInt64:
      return "I64";
    case ColumnType::kFloat32:
      return "F32";
    case ColumnType::kFloat64:
      return "F64";
  }
  HEARTH_CHECK(false, "column type {}", static_cast<int>(type));
}

// Wide elements first: each tensor then begins at a multiple of its elements' size.
std::vector<std::string> FileOrder(const std::map<std::string, ArraySpec>& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, spec] : tensors) names.push_back(name);
  std::ranges::stable_sort(names, [&](const std::string& a, const std::string& b) {
    return SizeOf(tensors.at(a).type) > SizeOf(tensors.at(b).type);
  });
  return names;
}

}  // namespace

SafetensorsLayout::SafetensorsLayout(const std::map<std::string, ArraySpec>& tensors,
                                     const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = {{"__metadata__", metadata}};
  int64_t end = 0;
  for (const std::string& name : FileOrder(tensors)) {
    const ArraySpec& spec = tensors.at(name);
    const int64_t begin = end;
    end += spec.row_count() * spec.row_bytes();
    header[name] = {
        {"dtype", TypeName(spec.type)}, {"shape", spec.shape}, {"data_offsets", {begin, end}}};
    offsets_[name] = begin;
  }
  head_ = std::string(kSizeBytes, '\0') +
          header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  const auto pages = (std::ssize(head_) + kPageBytes - 1) / kPageBytes;
  head_.resize(static_cast<size_t>(pages * kPageBytes), ' ');  // the format allows spaces here
  const auto header_size = static_cast<uint64_t>(std::ssize(head_) - kSizeBytes);
  std::memcpy(head_.data(), &header_size, kSizeBytes);
  for (auto& [name, offset] : offsets_) offset += std::ssize(head_);
  size_bytes_ = std::ssize(head_) + end;
}

}  // namespace hearth

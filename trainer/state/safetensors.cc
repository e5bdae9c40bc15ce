#include "trainer/state/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "storage/file/json_fields.h"

namespace hearth {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr int64_t kSizeBytes = 8;  // of the size of the header
constexpr int64_t kMostHeaderBytes = int64_t{64} << 20;
constexpr int64_t kMostElements = int64_t{1} << 48;

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

ColumnType TypeNamed(const std::string& name, const std::string& where) {
  for (const ColumnType type : {ColumnType::kUint8, ColumnType::kInt32, ColumnType::kUint32,
                                ColumnType::kInt64, ColumnType::kFloat32, ColumnType::kFloat64}) {
    if (name == TypeName(type)) return type;
  }
  throw DataError("{}: numbers of type '{}' are not read here", where, name);
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

SafetensorsFile::SafetensorsFile(FileDescriptor file) : file_(std::move(file)) {
  const std::string where = fmt::format("'{}'", file_.path());
  const int64_t size_bytes = file_.SizeBytes();
  int64_t header_size = -1;
  if (size_bytes >= kSizeBytes) file_.ReadAt(&header_size, kSizeBytes, 0);
  if (header_size < 0 || header_size > std::min(size_bytes - kSizeBytes, kMostHeaderBytes)) {
    throw DataError("{} is no safetensors file: the size of its header is wrong", where);
  }
  std::string header(header_size, '\0');
  file_.ReadAt(header.data(), std::ssize(header), kSizeBytes);
  const int64_t first = kSizeBytes + std::ssize(header);
  const nlohmann::json json = ParseJson(header, /*max_depth=*/4, where);
  if (!json.is_object()) throw DataError("{}: its header is no JSON object", where);
  for (const auto& [name, entry] : json.items()) {
    if (name == "__metadata__") continue;
    const std::string tensor = fmt::format("{}: tensor '{}'", where, name);
    JsonFields fields(entry, tensor);
    ArraySpec spec{TypeNamed(fields.Text("dtype"), tensor), {}};
    const nlohmann::json& shape = fields.Array("shape");
    const nlohmann::json& offsets = fields.Array("data_offsets");
    fields.Finish();
    const auto number = [&](const nlohmann::json& value) {
      if (!value.is_number_unsigned() || value.get<uint64_t>() > kMostElements) {
        throw DataError("{}: '{}' is no size", tensor, value.dump());
      }
      return static_cast<int64_t>(value.get<uint64_t>());
    };
    double elements = 1.0;
    for (const nlohmann::json& size : shape) {
      spec.shape.push_back(number(size));
      elements *= static_cast<double>(spec.shape.back());
    }
    if (spec.shape.empty() || offsets.size() != 2 || elements > kMostElements) {
      throw DataError("{}: its shape or its place is damaged", tensor);
    }
    const int64_t begin = number(offsets[0]), end = number(offsets[1]);
    if (end - begin != spec.row_count() * spec.row_bytes() || end > size_bytes - first) {
      throw DataError("{}: its place in the file does not fit its shape", tensor);
    }
    tensors_[name] = spec;
    offsets_[name] = first + begin;
  }
}

void SafetensorsFile::Require(const std::string& name, const ArraySpec& expected) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw DataError("'{}' has no tensor '{}'", path(), name);
  if (found->second == expected) return;
  throw DataError("'{}': tensor '{}' is {}, but this model needs {}", path(), name,
                  found->second.ToString(), expected.ToString());
}

void SafetensorsFile::ReadRows(const std::string& name, RowRange rows, void* out) const {
  const int64_t row_bytes = tensors_.at(name).row_bytes();
  HEARTH_CHECK(rows.begin >= 0 && rows.end <= tensors_.at(name).row_count());
  file_.ReadAt(out, rows.size() * row_bytes, offsets_.at(name) + rows.begin * row_bytes);
}

}  // namespace hearth

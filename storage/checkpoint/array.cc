#include "storage/checkpoint/array.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/finite.h"
#include "common/text.h"

namespace hearth {
namespace {

constexpr std::array<ColumnType, 6> kTypes = {ColumnType::kUint8,   ColumnType::kInt32,
                                              ColumnType::kUint32,  ColumnType::kInt64,
                                              ColumnType::kFloat32, ColumnType::kFloat64};

/// The index of the first NaN or infinity, or -1.
template <typename Real>
int64_t FirstNonFinite(const Real* values, int64_t count) {
  constexpr int64_t kBlock = 4096;
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const std::span<const Real> block(values + begin, std::min(kBlock, count - begin));
    if (AllFinite(block)) continue;
    const auto is_finite = [](Real value) { return std::isfinite(value); };
    return begin + (std::ranges::find_if_not(block, is_finite) - block.begin());
  }
  return -1;
}

}  // namespace

bool IsFloat(ColumnType type) {
  return type == ColumnType::kFloat32 || type == ColumnType::kFloat64;
}

std::optional<ColumnType> ParseColumnType(std::string_view name) {
  for (const ColumnType type : kTypes) {
    if (NameOf(type) == name) return type;
  }
  return std::nullopt;
}

int64_t ArraySpec::row_bytes() const {
  int64_t bytes = SizeOf(type);
  for (size_t dimension = 1; dimension < shape.size(); ++dimension) bytes *= shape[dimension];
  return bytes;
}

std::string ArraySpec::ToString() const {
  return fmt::format("{} [{}]", NameOf(type), fmt::join(shape, ", "));
}

bool IsPlainName(std::string_view name) {
  if (name.empty() || name.size() > 128 || name == "." || name == "..") return false;
  return name.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
         std::string_view::npos;
}

bool IsArrayName(std::string_view name) {
  if (name.empty()) return false;
  for (const std::string_view segment : SplitText(name, "/")) {
    if (!IsPlainName(segment)) return false;
  }
  return true;
}

int64_t FirstNonFiniteRow(const ArraySpec& spec, int64_t row_count, const void* data) {
  if (!IsFloat(spec.type) || spec.row_bytes() == 0) return -1;
  const int64_t width = spec.row_bytes() / SizeOf(spec.type);
  int64_t first = -1;
  if (spec.type == ColumnType::kFloat32) {
    first = FirstNonFinite(static_cast<const float*>(data), row_count * width);
  } else {
    first = FirstNonFinite(static_cast<const double*>(data), row_count * width);
  }
  return first < 0 ? -1 : first / width;
}

}  // namespace hearth

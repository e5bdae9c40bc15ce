#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/file/hdf5.h"

namespace hearth {

/// Whether numbers of this type can be NaN or infinite.
bool IsFloat(ColumnType type);
/// Inverse of NameOf(ColumnType); nothing for another text.
std::optional<ColumnType> ParseColumnType(std::string_view name);

/// Rows [begin, end) of an array.
struct RowRange {
  int64_t begin = 0, end = 0;

  int64_t size() const { return end - begin; }
  bool operator==(const RowRange&) const = default;
};

/// A logical array of a checkpoint: what it is, whoever wrote which of its rows.
struct ArraySpec {
  ColumnType type = ColumnType::kFloat32;
  std::vector<int64_t> shape;  ///< >= 1 dimension; shape[0] counts rows

  int64_t row_count() const { return shape[0]; }
  int64_t row_bytes() const;     ///< bytes of one row
  std::string ToString() const;  ///< "float32 [6040, 16]", for messages
  bool operator==(const ArraySpec&) const = default;
};

/// Those rows of a range that changed since another checkpoint. Arrays whose rows change together
/// share one.
struct TouchedRows {
  static constexpr int64_t kMostRows = int64_t{1} << 32;  ///< of a range

  std::string name;  ///< like an array's; a part has one of each name
  RowRange range;
  std::vector<uint32_t> offsets;  ///< of the rows from range.begin, strictly ascending
};

/// Rows of one logical array, as handed to WriteCheckpointPart. Row-major; `data` is borrowed.
/// Several ranks write disjoint slices that together cover the array exactly once; one rank may
/// write several slices of the same array (buckets that are not neighbours). In a delta checkpoint
/// a rank may write the touched rows of its slice instead; the others are those of the base.
struct NamedArray {
  std::string name;  ///< segments of [A-Za-z0-9._-] joined by '/', e.g. "tables/items/rows"
  ArraySpec spec;    ///< of the whole logical array
  RowRange rows;     ///< the rows held here
  const void* data = nullptr;  ///< held_rows() * spec.row_bytes() bytes; may be null for no rows
  std::shared_ptr<const TouchedRows> touched = {};  ///< not null: `data` holds these of `rows`

  int64_t held_rows() const {
    return touched ? static_cast<int64_t>(touched->offsets.size()) : rows.size();
  }
  int64_t size_bytes() const { return held_rows() * spec.row_bytes(); }
};

/// The whole of an array, held by one rank.
template <typename T>
NamedArray WholeArray(std::string name, std::vector<int64_t> shape, const T* data) {
  const RowRange rows{0, shape[0]};
  return {std::move(name), {ColumnTypeOf<T>(), std::move(shape)}, rows, data, {}};
}

/// Rows [row_begin, row_begin + shape[0]) of an array of `total_rows` rows.
template <typename T>
NamedArray ArraySlice(std::string name, std::vector<int64_t> shape, int64_t row_begin,
                      int64_t total_rows, const T* data) {
  const RowRange rows{row_begin, row_begin + shape[0]};
  shape[0] = total_rows;
  return {std::move(name), {ColumnTypeOf<T>(), std::move(shape)}, rows, data, {}};
}

/// Whether a name is made of segments of [A-Za-z0-9._-] joined by single '/', none of them "." or
/// ".." (an array's name).
bool IsArrayName(std::string_view name);
/// Whether a name is one such segment (a file, a run id).
bool IsPlainName(std::string_view name);

/// The first row with a NaN or an infinity, or -1. Non-float arrays have none.
int64_t FirstNonFiniteRow(const ArraySpec& spec, int64_t row_count, const void* data);

}  // namespace hearth

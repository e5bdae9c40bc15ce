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

/// True when numbers of this type can be NaN or infinite.
bool IsFloat(ColumnType type);
/// The inverse of NameOf(ColumnType). Returns nothing for any other text.
std::optional<ColumnType> ParseColumnType(std::string_view name);

/// Rows [begin, end) of an array.
struct RowRange {
  int64_t begin = 0, end = 0;

  int64_t size() const { return end - begin; }
  bool operator==(const RowRange&) const = default;
};

// In checkpoints a row is a row of an array, such as a table row or one number of a vector.

/// The type and shape of a whole logical array of a checkpoint, no matter how ranks divide it.
struct ArraySpec {
  ColumnType type = ColumnType::kFloat32;
  std::vector<int64_t> shape;  ///< >= 1 dimension; shape[0] counts rows

  int64_t row_count() const { return shape[0]; }
  int64_t row_bytes() const;     ///< bytes of one row
  std::string ToString() const;  ///< "float32 [6040, 16]", for messages
  bool operator==(const ArraySpec&) const = default;
};

/// The rows of a range that changed since another checkpoint. Arrays that change in the same rows
/// share one object.
struct TouchedRows {
  static constexpr int64_t kMostRows = int64_t{1} << 32;  ///< rows of a range

  std::string name;  ///< follows the rule for array names; unique in a piece
  RowRange range;
  std::vector<uint32_t> offsets;  ///< row numbers relative to range.begin, strictly ascending
};

/// Rows of one logical array, the input of WriteCheckpointPiece. Row-major; `data` is borrowed.
/// The ranks write disjoint slices, and together they cover the array exactly once. One rank may
/// write several slices of the same array (buckets that are not neighbours). In a delta checkpoint
/// a rank may write the touched rows of its slice instead; the base holds the other rows.
struct NamedArray {
  std::string name;  ///< segments of [A-Za-z0-9._-] joined by '/', e.g. "tables/items/rows"
  ArraySpec spec;    ///< of the whole logical array
  RowRange rows;     ///< the slice of the array
  const void* data = nullptr;  ///< held_rows() * spec.row_bytes() bytes; may be null for no rows
  std::shared_ptr<const TouchedRows> touched = {};  ///< not null: `data` holds these rows alone

  int64_t held_rows() const { return touched ? std::ssize(touched->offsets) : rows.size(); }
  int64_t size_bytes() const { return held_rows() * spec.row_bytes(); }
};

/// A whole array, held by one rank.
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

/// True for the name of an array: segments of [A-Za-z0-9._-] joined by single '/', none of them "."
/// or "..".
bool IsArrayName(std::string_view name);
/// True for one such segment: the name of a file, or a run id.
bool IsPlainName(std::string_view name);

/// The first row with a NaN or an infinity, or -1. Non-float arrays have none.
int64_t FirstNonFiniteRow(const ArraySpec& spec, int64_t row_count, const void* data);

}  // namespace hearth

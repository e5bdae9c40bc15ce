#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hearth {

/// A mark for each row of a table: which of them changed since the last checkpoint. One bit a row.
class RowMarks {
 public:
  explicit RowMarks(int64_t row_count);

  void Mark(int64_t row) {
    words_[static_cast<size_t>(row / kWordRows)] |= uint64_t{1} << (row % kWordRows);
  }
  void Clear();

  /// Marked rows in [begin, end), counted from `begin`, ascending. At most 2^32 rows.
  std::vector<uint32_t> OffsetsIn(int64_t begin, int64_t end) const;
  int64_t CountIn(int64_t begin, int64_t end) const;

 private:
  static constexpr int64_t kWordRows = 64;

  // The marks of the rows from a multiple of kWordRows on, without those outside [begin, end).
  uint64_t WordWithin(int64_t first_row, int64_t begin, int64_t end) const;

  std::vector<uint64_t> words_;
};

}  // namespace hearth

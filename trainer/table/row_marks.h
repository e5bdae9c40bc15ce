#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hearth {

/// One bit for each row of a table: the row changed since the last checkpoint.
class RowMarks {
 public:
  explicit RowMarks(int64_t row_count);

  /// Memory of the marks of so many rows.
  static int64_t BytesFor(int64_t row_count) {
    return WordCount(row_count) * static_cast<int64_t>(sizeof(uint64_t));
  }

  void Mark(int64_t row) { words_[row / kWordRows] |= uint64_t{1} << (row % kWordRows); }
  void Clear();

  /// The marked rows in [begin, end), as ascending offsets from `begin`. The range has at most 2^32
  /// rows.
  std::vector<uint32_t> OffsetsIn(int64_t begin, int64_t end) const;
  int64_t CountIn(int64_t begin, int64_t end) const;

 private:
  static constexpr int64_t kWordRows = 64;

  static int64_t WordCount(int64_t row_count) { return (row_count + kWordRows - 1) / kWordRows; }

  // The word of marks that begins at `first_row`, a multiple of kWordRows. Marks outside
  // [begin, end) are cleared.
  uint64_t WordWithin(int64_t first_row, int64_t begin, int64_t end) const;

  std::vector<uint64_t> words_;
};

}  // namespace hearth

#include "trainer/table/row_marks.h"

#include <algorithm>
#include <bit>

#include "common/error.h"

namespace hearth {

RowMarks::RowMarks(int64_t row_count) : words_(WordCount(row_count), 0) {}

void RowMarks::Clear() { std::ranges::fill(words_, 0); }

uint64_t RowMarks::WordWithin(int64_t first_row, int64_t begin, int64_t end) const {
  uint64_t word = words_[first_row / kWordRows];
  if (begin > first_row) word &= ~uint64_t{0} << (begin - first_row);
  if (end < first_row + kWordRows) word &= ~(~uint64_t{0} << (end - first_row));
  return word;
}

std::vector<uint32_t> RowMarks::OffsetsIn(int64_t begin, int64_t end) const {
  HEARTH_CHECK(end - begin <= int64_t{1} << 32, "rows {} to {}", begin, end);
  std::vector<uint32_t> offsets;
  for (int64_t first = begin / kWordRows * kWordRows; first < end; first += kWordRows) {
    for (uint64_t word = WordWithin(first, begin, end); word != 0; word &= word - 1) {
      offsets.push_back(static_cast<uint32_t>(first + std::countr_zero(word) - begin));
    }
  }
  return offsets;
}

int64_t RowMarks::CountIn(int64_t begin, int64_t end) const {
  int64_t count = 0;
  for (int64_t first = begin / kWordRows * kWordRows; first < end; first += kWordRows) {
    count += std::popcount(WordWithin(first, begin, end));
  }
  return count;
}

}  // namespace hearth

#include "trainer/table/row_marks.h"

#include <set>

#include <gtest/gtest.h>

#include "common/random.h"

namespace hearth {
namespace {

TEST(RowMarks, TellWhatWasMarkedInAnyRange) {
  RandomStream random(3, Purpose::kTest);
  const auto below = [&](int64_t count) {
    const int64_t number = random.NextBelow(count);
    return number;
  };
  for (int trial = 0; trial < 200; ++trial) {
    const int64_t rows = 1 + below(300);
    RowMarks marks(rows);
    std::set<int64_t> marked;
    for (int64_t i = below(40); i > 0; --i) {
      const int64_t row = below(rows);
      marks.Mark(row);
      marked.insert(row);
    }
    const int64_t begin = below(rows + 1), end = begin + below(rows - begin + 1);
    std::vector<uint32_t> expected;
    for (const int64_t row : marked) {
      if (begin <= row && row < end) expected.push_back(static_cast<uint32_t>(row - begin));
    }
    EXPECT_EQ(marks.OffsetsIn(begin, end), expected) << rows << ": " << begin << " to " << end;
    EXPECT_EQ(marks.CountIn(begin, end), std::ssize(expected));
    marks.Clear();
    EXPECT_EQ(marks.CountIn(0, rows), 0);
  }
}

}  // namespace
}  // namespace hearth

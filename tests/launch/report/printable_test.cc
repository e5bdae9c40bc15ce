#include "launch/report/printable.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Printable, ShowsControlCharactersAsQuestionMarks) {
  EXPECT_EQ(Printable("\x1b[31mred\n\t\x7f."), "?[31mred???.");
  EXPECT_EQ(Printable(std::string("a\0b", 3)), "a?b");
}

TEST(Printable, LeavesOtherTextAlone) {
  EXPECT_EQ(Printable("Am\xC3\xA9lie ~"), "Am\xC3\xA9lie ~");
  EXPECT_EQ(Printable(""), "");
}

}  // namespace
}  // namespace hearth

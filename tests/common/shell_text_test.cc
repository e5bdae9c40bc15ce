#include "common/shell_text.h"

#include <array>
#include <cstdio>

#include <gtest/gtest.h>

namespace hearth {
namespace {

/// Lets a shell split a line. Returns the words, each ended by a zero byte.
std::string WordsOfShell(const std::string& line) {
  FILE* pipe = popen(("printf '%s\\0' " + line).c_str(), "r");
  std::string text;
  std::array<char, 256> part{};
  while (const size_t count = fread(part.data(), 1, part.size(), pipe)) {
    text.append(part.data(), count);
  }
  EXPECT_EQ(pclose(pipe), 0) << line;
  return text;
}

TEST(ShellText, LeavesPlainWordsAsTheyAre) {
  for (const char* word : {"train", "-c", "run.dir=/a_b/c-1", "a,b:c@d%e+f", "--map-by"}) {
    EXPECT_EQ(ShellWord(word), word);
  }
}

TEST(ShellText, QuotesWordsThatAShellWouldChange) {
  EXPECT_EQ(ShellWord(""), "''");
  EXPECT_EQ(ShellWord("[2, 3]"), "'[2, 3]'");
  EXPECT_EQ(ShellWord("it's"), R"('it'\''s')");
}

TEST(ShellText, AShellReadsTheSameWordsBack) {
  const std::vector<std::string> words = {"plain", "",     "two words", "it's",   "''",   "$HOME",
                                          "`id`",  "a\\b", "*",         "~",      "#",    "a;b|c&d",
                                          "\"q\"", "!",    "new\nline", "ümlaut", "{a,b}"};
  std::string expected;
  for (const std::string& word : words) expected += word + '\0';
  EXPECT_EQ(WordsOfShell(ShellLine(words)), expected);
}

}  // namespace
}  // namespace hearth

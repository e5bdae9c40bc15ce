#include "common/shell_text.h"

#include <algorithm>
#include <cctype>

namespace hearth {
namespace {

bool IsPlain(unsigned char character) {
  return std::isalnum(character) != 0 ||
         std::string_view("_@%+=:,./-").find(character) != std::string_view::npos;
}

}  // namespace

std::string ShellWord(std::string_view word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), IsPlain)) return std::string(word);
  std::string quoted = "'";
  for (const char character : word) {
    if (character == '\'') {
      quoted += "'\\''";
    } else {
      quoted += character;
    }
  }
  return quoted + "'";
}

std::string ShellLine(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + ShellWord(word);
  return line;
}

}  // namespace hearth

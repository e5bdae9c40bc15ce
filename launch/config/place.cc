#include "launch/config/place.h"

#include <algorithm>
#include <string_view>

#include "common/text.h"

namespace hearth {
namespace {

constexpr size_t kShownProblems = 10;
constexpr size_t kShownLineLength = 160;

/// Counts the characters of UTF-8 text: all bytes except continuation bytes.
int64_t CharacterCount(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

std::string Describe(const Place& place, const std::string& message, const std::string& hint) {
  std::string text;
  if (place.on_command_line()) {
    text = fmt::format("command line: {}: error: {}", place.text, message);
  } else if (place.line == 0) {
    text = fmt::format("{}: error: {}", place.source, message);
  } else {
    text = fmt::format("{}:{}:{}: error: {}", place.source, place.line, place.column, message);
    std::string line = place.text.substr(0, kShownLineLength);
    for (char& c : line) {
      if (c == '\t') c = ' ';  // keeps the caret below its column
    }
    const std::string number = std::to_string(place.line);
    text += fmt::format("\n  {} | {}", number, line);
    const int64_t before = place.column - 1;
    if (before <= std::ssize(line)) {
      text += fmt::format("\n  {:{}} | {:{}}^", "", number.size(), "",
                          CharacterCount(line.substr(0, before)));
    }
  }
  if (!hint.empty()) text += "\n  " + hint;
  return text;
}

}  // namespace

void Problems::Add(const Place& place, const std::string& message, const std::string& hint) {
  texts_.push_back(Describe(place, message, hint));
}

void Problems::ThrowIfAny() const {
  if (texts_.empty()) return;
  const size_t shown = std::min(texts_.size(), kShownProblems);
  std::string all = Join({texts_.begin(), texts_.begin() + shown}, "\n");
  if (texts_.size() > shown) all += fmt::format("\nand {} more errors", texts_.size() - shown);
  throw PlacedConfigError(all);
}

void ThrowConfigError(const Place& place, const std::string& message, const std::string& hint) {
  throw PlacedConfigError(Describe(place, message, hint));
}

}  // namespace hearth

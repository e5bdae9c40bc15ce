#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth {

/// `word` as a shell reads it back: as it stands where no character is special, else in quotes.
std::string ShellWord(std::string_view word);

/// A command that can be pasted into a shell.
std::string ShellLine(const std::vector<std::string>& words);

}  // namespace hearth

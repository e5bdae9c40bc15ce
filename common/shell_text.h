#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth {

/// Returns text that a shell reads back as `word`: the word itself if no character is special, else
/// the word in quotes.
std::string ShellWord(std::string_view word);

/// Returns a command that can be pasted into a shell.
std::string ShellLine(const std::vector<std::string>& words);

}  // namespace hearth

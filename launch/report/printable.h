#pragma once

#include <string>

namespace hearth {

/// `text` with '?' for every control character, so that the ids and titles of a data set cannot
/// talk to a terminal or break a table.
std::string Printable(std::string text);

}  // namespace hearth

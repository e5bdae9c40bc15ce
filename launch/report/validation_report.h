#pragma once

#include <string>

#include "storage/shard/validate.h"

namespace hearth {

/// Writes the problems, one on each line, and a last line with the counts.
std::string ToText(const ValidationReport& report);

}  // namespace hearth

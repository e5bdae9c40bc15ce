#pragma once

#include <string>

#include "storage/shard/validate.h"

namespace hearth {

/// The problems, one a line, and a closing line with the counts.
std::string ToText(const ValidationReport& report);

}  // namespace hearth

#pragma once

#include <string>

#include "storage/import/convert_report.h"

namespace hearth {

/// What a conversion did, in a few lines for people. `output`: the folder it was written to.
std::string TextOf(const ConvertReport& report, const std::string& output);

}  // namespace hearth

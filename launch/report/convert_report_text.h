#pragma once

#include <string>

#include "storage/import/convert_report.h"

namespace hearth {

/// Tells people in a few lines how a conversion went. `output` is the folder of the new data set.
std::string TextOf(const ConvertReport& report, const std::string& output);

}  // namespace hearth

#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "storage/shard/describe.h"

namespace hearth {

/// The figures of a data set for a terminal, as Markdown tables, and as JSON.
std::string ToText(const DatasetSummary& summary);
std::string ToMarkdown(const DatasetSummary& summary);
nlohmann::ordered_json ToJson(const DatasetSummary& summary);

}  // namespace hearth

#pragma once

#include <string>
#include <string_view>

#include "launch/config/config.h"

namespace hearth {

/// The configuration as YAML that reads back as the same configuration.
/// minimal: only keys that differ from their default.
std::string ShowConfig(const Config& config, bool minimal);

/// The reference of all keys (of one section unless it is ""), for a terminal, as Markdown
/// (docs/config.md) and as JSON. `section` must exist.
std::string KeysAsText(std::string_view section);
std::string KeysAsMarkdown();
std::string KeysAsJson(std::string_view section);

}  // namespace hearth

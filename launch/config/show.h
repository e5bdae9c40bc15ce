#pragma once

#include <string>
#include <string_view>

#include "launch/config/config.h"

namespace hearth {

/// Returns the configuration as YAML; the reader turns this text into the same configuration again.
/// `minimal` leaves out all keys that have their default value.
std::string ShowConfig(const Config& config, bool minimal);

/// These return the reference of the keys: as text for a terminal, as Markdown (docs/config.md),
/// and as JSON. `section` is the name of an existing section, or "" for all sections.
std::string KeysAsText(std::string_view section);
std::string KeysAsMarkdown();
std::string KeysAsJson(std::string_view section);

}  // namespace hearth

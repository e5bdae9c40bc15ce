#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launch/config/setting.h"

namespace hearth {

/// Reads a configuration file as a flat list of settings, in file order.
///
/// A strict subset of YAML: one document of nested maps, scalars and lists of scalars. Everything
/// that YAML readers are known to disagree or keep silent about is refused with its place:
/// duplicate keys, a second document, anchors, aliases and merge keys, tags, tabs, other encodings
/// than UTF-8, a byte order mark, control characters, more than 1 MiB, more than 8 levels. An empty
/// file is a configuration without settings.
///
/// Throws PlacedConfigError (contents), ConfigError (no such file, not a regular file), or
/// PermissionError.
std::vector<Setting> ReadConfigFile(const std::string& path);

/// The same for a text; `source` is the name shown in messages, `folder` what relative paths are
/// relative to.
std::vector<Setting> ParseConfigText(std::string_view text, const std::string& source,
                                     const std::string& folder);

}  // namespace hearth

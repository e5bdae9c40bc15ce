#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launch/config/setting.h"

namespace hearth {

/// Reads a configuration file as a flat list of settings, in the order of the file.
///
/// The reader accepts a strict subset of YAML: one document of nested maps, scalars and lists of
/// scalars. YAML readers disagree or keep silent about many other things; these are refused with
/// their place: duplicate keys, a second document, anchors, aliases and merge keys, tags, tabs,
/// encodings other than UTF-8, a byte order mark, control characters, more than 1 MiB, and more
/// than 8 levels. An empty file is a configuration without settings.
///
/// Throws PlacedConfigError for the contents, ConfigError if the file is missing or not a regular
/// file, and PermissionError.
std::vector<Setting> ReadConfigFile(const std::string& path);

/// Reads a text in the same way. Messages show the name `source`; relative paths start at `folder`.
std::vector<Setting> ParseConfigText(std::string_view text, const std::string& source,
                                     const std::string& folder);

}  // namespace hearth

#pragma once

#include <string>

namespace hearth {

/// Throws PermissionError naming the folder and its owner when everybody may replace what lies in
/// it: the folder or the one around it is writable for all, without the sticky bit that keeps them
/// from the files of others. Warns, once for a folder, when a group may. A folder that cannot be
/// looked at is left to whoever opens files in it.
void RequireTrustedFolder(const std::string& path);

}  // namespace hearth

#pragma once

#include <string>

namespace hearth {

/// Throws PermissionError, naming the folder and its owner, when everybody may replace the files in
/// it: the folder or its parent is writable for all and lacks the sticky bit, the protection of
/// one user's files from another. Warns, once for a folder, when a group may replace them. A
/// folder that cannot be looked at passes: opening its files will report the error.
void RequireTrustedFolder(const std::string& path);

}  // namespace hearth

#pragma once

namespace hearth {

/// From now on what this process writes is its user's alone (umask 077), and no core dump shows
/// what it read: runs hold what users did. At the start of a command, before threads.
void KeepFilesPrivate();

}  // namespace hearth

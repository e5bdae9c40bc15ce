#pragma once

namespace hearth {

/// Keeps all files that this process writes from now on private to its user (umask 077), and makes
/// core dumps impossible, because they would show the data it read: runs hold the acts of users.
/// Call at the start of a command, before there are threads.
void KeepFilesPrivate();

}  // namespace hearth

#pragma once

#include <string>

namespace hearth {

/// Copies a data set to a folder below `stage`, a folder on a disk of this host, unless it is there
/// already, and returns that folder: shared storage is read once per host, whatever reads follow.
/// The copy is named by the manifest's hash, so data sets do not meet; every file is compared with
/// its SHA-256 while it is written. Of the processes of a host that call this at the same time one
/// copies and the others wait. Throws StorageError (no room, no permission) or DataError (a file of
/// the data set is damaged) naming the file; what was begun is taken up by the next call.
std::string StageDataset(const std::string& path, const std::string& stage);

}  // namespace hearth

#pragma once

#include <string>

namespace hearth {

/// Copies a data set to a folder below `stage`, unless the copy exists, and returns that folder.
/// `stage` lies on a disk of this host, so each host reads the shared storage once. The manifest's
/// hash names the copy, so data sets do not collide. Every file is compared with its SHA-256 while
/// it is copied. If several processes of a host call this at the same time, one copies and the
/// others wait. Throws StorageError (no room, no permission) or DataError (a file of the data set
/// is damaged) naming the file. The next call continues an unfinished copy.
std::string StageDataset(const std::string& path, const std::string& stage);

}  // namespace hearth

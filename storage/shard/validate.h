#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/shard/shard_file.h"

namespace hearth {

/// An error makes training on this data set wrong or impossible. A warning is worth a look.
enum class Severity { kWarning, kError };

/// One finding, as a line for people. It names the file, the dataset, the place and the value.
struct Problem {
  Severity severity;
  std::string text;
};

struct ValidationReport {
  /// The first `lines_per_check` findings of each check, then one line that counts the rest.
  std::vector<Problem> problems;
  int64_t error_count = 0;                                  ///< all errors, listed or not
  int64_t warning_count = 0;                                ///< all warnings, listed or not
  int64_t file_count = 0, task_count = 0, event_count = 0;  ///< checked files, tasks and events

  bool ok() const { return error_count == 0; }
};

struct ValidateOptions {
  ReadMode read = ReadMode::kMmap;
  int64_t lines_per_check = 10;  ///< [1, ...)
};

/// Checks a whole data set, and continues after a finding as far as the rest can be checked.
///
/// These are errors:
/// - a manifest that cannot be used;
/// - a missing or damaged file (size, SHA-256, XXH3 per column, structure);
/// - counts unlike the manifest, an id twice, ids beyond their table;
/// - labels that are not finite or lie outside the manifest's range, features that are infinite;
/// - times that decrease inside a task;
/// - a task twice in one part, the same timed event in two parts;
/// - a false scenario: the owner of a task lies on the cold side but has training tasks, or a cold
///   entity has training events (support events are exempt: they may show known entities).
/// These are warnings:
/// - the same entity twice in a task or in two parts of a task;
/// - a task that has no events;
/// - support events later than query events of the same task;
/// - a file that the manifest does not list.
///
/// Every file is first read in a sandbox, so that a file that would crash a reader becomes an error
/// of the data set; then every byte is read once. Throws when the operating system refuses access
/// to the folder itself.
ValidationReport ValidateDataset(const std::string& path, const ValidateOptions& options = {});

}  // namespace hearth

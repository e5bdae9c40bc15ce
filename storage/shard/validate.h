#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/shard/shard_file.h"

namespace hearth {

/// kError: training on this data set would be wrong or impossible. kWarning: worth a look.
enum class Severity { kWarning, kError };

/// One finding, as a line for people: names the file, the dataset, the row and the value.
struct Problem {
  Severity severity;
  std::string text;
};

struct ValidationReport {
  /// The first `lines_per_check` findings of each check, then one line that counts the rest.
  std::vector<Problem> problems;
  int64_t error_count = 0;                                  ///< all errors, listed or not
  int64_t warning_count = 0;                                ///< all warnings, listed or not
  int64_t file_count = 0, task_count = 0, event_count = 0;  ///< what could be checked

  bool ok() const { return error_count == 0; }
};

struct ValidateOptions {
  ReadMode read = ReadMode::kMmap;
  int64_t lines_per_check = 10;  ///< [1, ...)
};

/// Checks a whole data set and goes on after a finding wherever the rest can still be checked.
///
/// Errors: a manifest that cannot be used; a missing or damaged file (size, SHA-256, XXH3 per
/// column, structure); counts unlike the manifest; an id twice; ids beyond their table; labels that
/// are not finite or outside the manifest's range; features that are infinite; times that decrease
/// inside a task; a task twice in one part; the same timed event in two parts; a dishonest
/// scenario: an owner of a task on a cold side who has training tasks, or a cold entity with
/// training events (events with role "support" excepted: they may show known entities). Warnings:
/// the same entity twice in a task or in two parts of a task; tasks without events; support events
/// later than query events of the same task; files the manifest does not list.
///
/// Reads every byte once, and first each file in a sandbox: one that would crash a reader is an
/// error of the data set. Throws only what the operating system refuses on the folder itself.
ValidationReport ValidateDataset(const std::string& path, const ValidateOptions& options = {});

}  // namespace hearth

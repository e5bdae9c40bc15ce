#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/run/process_identity.h"

namespace hearth {

/// The record of one start in a run folder, for the third start RUN/starts/000003.json.
struct StartRecord {
  enum class State {
    kRunning,  ///< also after a sudden death
    kDone,     ///< ended in order: done, or stopped with a checkpoint
    kFailed,   ///< ended with an error
  };

  int64_t number = 0;  ///< 1 for the first start in this folder; never reused
  ProcessIdentity process;
  std::string job_id;  ///< of the batch system, else empty
  std::string since;   ///< UTC, for people
  int64_t beat = 0;    ///< grows as long as the job lives
  /// The newest committed step (0: none) at the beginning of training; -1: it has not begun.
  int64_t began_after_step = -1;
  State state = State::kRunning;
};

/// Returns JSON, always of the same size: each version overwrites the last in place.
std::string SerializeStart(const StartRecord& record);
/// Returns nothing when the text is no whole record: it is just being made, or damaged.
std::optional<StartRecord> ParseStart(std::string_view text);

std::string StartPath(const std::string& run_dir, int64_t number);
/// The highest number of a start in this folder, 0 when there was none. Numbers have no gaps.
/// Throws StorageError or PermissionError when the folder cannot be listed.
int64_t NewestStart(const std::string& run_dir);
/// All readable records, ascending by number.
std::vector<StartRecord> ReadStarts(const std::string& run_dir);

/// Counts the starts in a row, up to the newest, that began to train after `newest_step` and did
/// not end in order: so many tries brought no newer checkpoint. A start that never trained does not
/// count.
int64_t FruitlessStarts(const std::vector<StartRecord>& starts, int64_t newest_step);

}  // namespace hearth

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/run/process_identity.h"

namespace hearth {

/// What RUN/starts/000003.json says of the third start in a run folder.
struct StartRecord {
  enum class State {
    kRunning,  ///< or died without a word
    kDone,     ///< ended in order: done, or stopped with a checkpoint
    kFailed,   ///< ended with an error
  };

  int64_t number = 0;  ///< 1 for the first start in this folder; never used twice
  ProcessIdentity process;
  std::string job_id;  ///< of the batch system, else empty
  std::string since;   ///< UTC, for people
  int64_t beat = 0;    ///< grows as long as the job lives
  /// Newest committed step (0: none) when training began; -1: it has not begun.
  int64_t began_after_step = -1;
  State state = State::kRunning;
};

/// As JSON, always of the same size: it is written over in place.
std::string SerializeStart(const StartRecord& record);
/// Nothing when the text is no whole record: just being made, or damaged.
std::optional<StartRecord> ParseStart(std::string_view text);

std::string StartPath(const std::string& run_dir, int64_t number);
/// The highest number of a start in this folder, 0 when there was none. Numbers have no gaps.
/// Throws StorageError or PermissionError when the folder cannot be listed.
int64_t NewestStart(const std::string& run_dir);
/// All readable records, ascending by number.
std::vector<StartRecord> ReadStarts(const std::string& run_dir);

/// How many starts in a row, up to the newest, began to train after `newest_step` and did not end
/// in order: as many tries brought no newer checkpoint. Starts that never trained do not count.
int64_t FruitlessStarts(const std::vector<StartRecord>& starts, int64_t newest_step);

}  // namespace hearth

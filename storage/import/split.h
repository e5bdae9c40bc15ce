#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/import/convert_report.h"

namespace hearth {

/// How events are dealt to parts.
enum class SplitKind : uint8_t {
  kAuto,    ///< kGiven where the format brings its own split (metahin, episodes), else kRandom
  kRandom,  ///< cold users, cold items and held-out events at random
  kTime,    ///< the users and items that appear last are cold, the latest events are held out
  kNone,    ///< every event is training data
  kGiven,   ///< as the source says; DataError when it says nothing
};

/// Inverse of the names used on the command line. Throws UsageError naming the legal names.
SplitKind ParseSplitKind(std::string_view name);  // auto random time none given
std::string_view NameOf(SplitKind kind);

/// Fractions of a split. Each user and each item gets a level (train < validation < test); an event
/// belongs to the higher of its two levels, so nothing of a test user or test item is ever seen in
/// training or validation. Of the events left in training, some are held out per user (non_cold).
/// The scenario of an event then says which of its sides has no event in the training part.
/// Sources: levels as in the user-cold / item-cold / both-cold protocol of MeLU (Lee et al. 2019).
///
/// A pure function of (seed, events): the draw of a user or item depends on its id, not on its row,
/// so a log that grew keeps most of its split. Vocabularies of side features cover all entities.
struct SplitOptions {
  SplitKind kind = SplitKind::kAuto;
  uint64_t seed = 1;
  double validation_users = 0.10;   ///< fraction of users; new in validation
  double test_users = 0.20;         ///< fraction of users; new in test
  double validation_items = 0.05;   ///< fraction of items
  double test_items = 0.10;         ///< fraction of items
  double validation_events = 0.05;  ///< fraction of a training user's events with training items
  double test_events = 0.10;
  /// kGiven without a validation part (metahin): this fraction of the training users becomes
  /// validation/user_cold. Their test events stay where they are. 0: the split exactly as given.
  double validation_fraction = 0.10;
};

/// Throws UsageError naming the field: fractions in [0, 1), the two of a kind below 1 together.
void CheckSplitOptions(const SplitOptions& options);

/// Reads the data set at `input` and writes its events, split anew, to `output` (another folder).
/// kAuto is kRandom here; kGiven is refused (UsageError). Facts of the old manifest are dropped:
/// they speak of the old parts. Where the log has no times, the events of a task keep the order
/// they have inside the old parts. Throws DataError / StorageError as Dataset and WriteShard do.
ConvertReport SplitDataset(const std::string& input, const std::string& output,
                           const SplitOptions& options, bool overwrite = false);

}  // namespace hearth

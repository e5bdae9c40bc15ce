#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/import/convert_report.h"

namespace hearth {

/// The rule that assigns events to parts.
enum class SplitKind : uint8_t {
  kAuto,    ///< kGiven if the format brings its own split (metahin, episodes), else kRandom
  kRandom,  ///< cold users, cold items and held-out events are drawn at random
  kTime,    ///< the users and items that appear last are cold, the latest events are held out
  kNone,    ///< every event is training data
  kGiven,   ///< the source gives the parts; DataError if it has none
};

/// The kind with a name of the command line. Throws UsageError with the legal names.
SplitKind ParseSplitKind(std::string_view name);  // auto random time none given
std::string_view NameOf(SplitKind kind);

/// Fractions of a split. Each user and each item gets a level (train < validation < test). An event
/// belongs to the higher level of its user and its item, so no event of a test user or test item
/// occurs in training or validation. Some of the remaining training events of each user are held
/// out for validation and test (non_cold). The scenario of an event then says if its user, its item
/// or both have no event in the training part. Source of the levels: the user-cold / item-cold /
/// both-cold protocol of MeLU (Lee et al. 2019).
///
/// A split is a pure function of (seed, events). The draw of a user or item depends on its id, not
/// on its row, so a log that grew keeps most of its split. Vocabularies of side features cover all
/// entities, cold ones included.
struct SplitOptions {
  SplitKind kind = SplitKind::kAuto;
  uint64_t seed = 1;
  double validation_users = 0.10;   ///< fraction of users that first occur in validation
  double test_users = 0.20;         ///< fraction of users that first occur in test
  double validation_items = 0.05;   ///< fraction of items that first occur in validation
  double test_items = 0.10;         ///< fraction of items that first occur in test
  double validation_events = 0.05;  ///< fraction of a training user's events with training items
  double test_events = 0.10;
  /// For a kGiven split without a validation part (metahin): this fraction of the training users
  /// becomes validation/user_cold. Test events of these users stay test events. 0: the split stays
  /// exactly as given.
  double validation_fraction = 0.10;
};

/// Throws UsageError with the name of the field unless every fraction is in [0, 1) and validation
/// and test together take less than 1 of users, of items and of events.
void CheckSplitOptions(const SplitOptions& options);

/// Reads the data set at `input`, splits its events anew and writes them to `output`, another
/// folder. kAuto means kRandom here; kGiven is refused (UsageError). The facts of the old manifest
/// describe the old parts and are dropped. If the log has no times, the events of a task keep the
/// order they have inside the old parts. Throws DataError / StorageError as Dataset and WriteShard
/// do.
ConvertReport SplitDataset(const std::string& input, const std::string& output,
                           const SplitOptions& options, bool overwrite = false);

}  // namespace hearth

#include "storage/import/split.h"

#include <array>

#include "common/enum_names.h"
#include "common/error.h"

namespace hearth {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"auto", "random", "time", "none", "given"};

void CheckFraction(std::string_view field, double value) {
  if (!(value >= 0.0 && value < 1.0)) {
    throw UsageError("split: {} is {}; it must be in [0, 1)", field, value);
  }
}

/// `unit` is "users", "items" or "events".
void CheckPair(std::string_view unit, double validation, double test) {
  CheckFraction(fmt::format("validation_{}", unit), validation);
  CheckFraction(fmt::format("test_{}", unit), test);
  if (validation + test >= 1.0) {
    throw UsageError("split: validation_{0} {1} and test_{0} {2} leave nothing to train on", unit,
                     validation, test);
  }
}

}  // namespace

SplitKind ParseSplitKind(std::string_view name) {
  return ParseEnum<SplitKind, UsageError>("split", name, kNames);
}

std::string_view NameOf(SplitKind kind) { return kNames[static_cast<size_t>(kind)]; }

void CheckSplitOptions(const SplitOptions& options) {
  CheckPair("users", options.validation_users, options.test_users);
  CheckPair("items", options.validation_items, options.test_items);
  CheckPair("events", options.validation_events, options.test_events);
  CheckFraction("validation_fraction", options.validation_fraction);
}

}  // namespace hearth

#include "storage/import/clean.h"

#include <array>
#include <string>

#include "common/enum_names.h"
#include "common/error.h"

namespace hearth {
namespace {

constexpr std::array<std::string_view, 7> kDuplicateNames = {"last", "first", "mean",  "max",
                                                             "sum",  "keep",  "refuse"};
constexpr std::array<std::string_view, 5> kMissingNames = {"refuse", "drop", "zero", "one", "mean"};
constexpr std::array<std::string_view, 4> kTransformNames = {"raw", "threshold", "minmax",
                                                             "zscore"};
constexpr std::array<std::string_view, 2> kBadRowNames = {"refuse", "skip"};

}  // namespace

DuplicateRule ParseDuplicateRule(std::string_view name) {
  return ParseEnum<DuplicateRule, UsageError>("rule for duplicates", name, kDuplicateNames);
}
MissingRule ParseMissingRule(std::string_view name) {
  return ParseEnum<MissingRule, UsageError>("rule for missing labels", name, kMissingNames);
}
LabelTransform ParseLabelTransform(std::string_view name) {
  return ParseEnum<LabelTransform, UsageError>("label transform", name, kTransformNames);
}
BadRowRule ParseBadRowRule(std::string_view name) {
  return ParseEnum<BadRowRule, UsageError>("rule for bad rows", name, kBadRowNames);
}

std::string_view NameOf(DuplicateRule rule) { return NameOfEnum(kDuplicateNames, rule); }
std::string_view NameOf(MissingRule rule) { return NameOfEnum(kMissingNames, rule); }
std::string_view NameOf(LabelTransform transform) { return NameOfEnum(kTransformNames, transform); }
std::string_view NameOf(BadRowRule rule) { return NameOfEnum(kBadRowNames, rule); }

}  // namespace hearth

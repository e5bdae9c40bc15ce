#include "storage/import/clean.h"

#include <array>
#include <string>

#include "common/enum_names.h"
#include "common/error.h"

namespace hearth {
namespace {

constexpr std::array<std::string_view, 5> kDuplicateNames = {"last", "first", "mean", "keep",
                                                             "refuse"};
constexpr std::array<std::string_view, 5> kMissingNames = {"refuse", "drop", "zero", "one", "mean"};
constexpr std::array<std::string_view, 4> kTransformNames = {"raw", "threshold", "minmax",
                                                             "zscore"};
constexpr std::array<std::string_view, 2> kBadRowNames = {"refuse", "skip"};

template <typename Rule, size_t kCount>
std::string_view NameOfRule(Rule rule, const std::array<std::string_view, kCount>& names) {
  return names[static_cast<size_t>(rule)];
}

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

std::string_view NameOf(DuplicateRule rule) { return NameOfRule(rule, kDuplicateNames); }
std::string_view NameOf(MissingRule rule) { return NameOfRule(rule, kMissingNames); }
std::string_view NameOf(LabelTransform transform) { return NameOfRule(transform, kTransformNames); }
std::string_view NameOf(BadRowRule rule) { return NameOfRule(rule, kBadRowNames); }

}  // namespace hearth

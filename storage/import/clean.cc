#include "storage/import/clean.h"

#include <array>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/text.h"

namespace hearth {
namespace {

constexpr std::array<std::string_view, 5> kDuplicateNames = {"last", "first", "mean", "keep",
                                                             "refuse"};
constexpr std::array<std::string_view, 5> kMissingNames = {"refuse", "drop", "zero", "one", "mean"};
constexpr std::array<std::string_view, 4> kTransformNames = {"raw", "threshold", "minmax",
                                                             "zscore"};
constexpr std::array<std::string_view, 2> kBadRowNames = {"refuse", "skip"};

template <typename Rule, size_t kCount>
Rule ParseRule(std::string_view what, std::string_view name,
               const std::array<std::string_view, kCount>& names) {
  for (size_t i = 0; i < kCount; ++i) {
    if (names[i] == name) return static_cast<Rule>(i);
  }
  const std::vector<std::string> legal(names.begin(), names.end());
  throw UsageError("unknown {} '{}'{}: legal are {}", what, name, DidYouMean(name, legal),
                   Join(legal, ", "));
}

}  // namespace

DuplicateRule ParseDuplicateRule(std::string_view name) {
  return ParseRule<DuplicateRule>("rule for duplicates", name, kDuplicateNames);
}
MissingRule ParseMissingRule(std::string_view name) {
  return ParseRule<MissingRule>("rule for missing labels", name, kMissingNames);
}
LabelTransform ParseLabelTransform(std::string_view name) {
  return ParseRule<LabelTransform>("label transform", name, kTransformNames);
}
BadRowRule ParseBadRowRule(std::string_view name) {
  return ParseRule<BadRowRule>("rule for bad rows", name, kBadRowNames);
}

std::string_view NameOf(DuplicateRule rule) { return kDuplicateNames[static_cast<size_t>(rule)]; }
std::string_view NameOf(MissingRule rule) { return kMissingNames[static_cast<size_t>(rule)]; }
std::string_view NameOf(LabelTransform transform) {
  return kTransformNames[static_cast<size_t>(transform)];
}
std::string_view NameOf(BadRowRule rule) { return kBadRowNames[static_cast<size_t>(rule)]; }

}  // namespace hearth

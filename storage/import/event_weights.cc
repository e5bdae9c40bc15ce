#include "storage/import/event_weights.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "common/error.h"
#include "common/text.h"

namespace hearth {
namespace {

std::vector<std::string> NamesOf(const std::vector<EventType>& types) {
  std::vector<std::string> names;
  for (const EventType& type : types) names.push_back(type.name);
  return names;
}

}  // namespace

EventWeights::EventWeights(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    for (const std::string_view part : SplitText(text, ",")) Add(part);
  }
  const auto is_used = [](const EventType& type) { return type.weight > 0; };
  if (std::ranges::none_of(types_, is_used)) {
    throw UsageError("--event-weight: no type has a weight above 0, so no event would be left");
  }
}

void EventWeights::Add(std::string_view part) {
  const size_t equals = part.rfind('=');
  double weight = 0;
  if (equals == std::string_view::npos || Trim(part.substr(0, equals)).empty() ||
      !ParseDouble(Trim(part.substr(equals + 1)), &weight)) {
    throw UsageError("--event-weight: '{}' is not TYPE=WEIGHT, for example view=1,cart=3,buy=5",
                     part);
  }
  EventType type{.name = std::string(Trim(part.substr(0, equals))),
                 .weight = static_cast<float>(weight)};
  if (!std::isfinite(type.weight) || type.weight < 0 || (weight > 0 && type.weight == 0)) {
    throw UsageError("--event-weight: the weight of '{}' is {}; it must be finite and >= 0",
                     type.name, weight);
  }
  if (std::ranges::find(types_, type.name, &EventType::name) != types_.end()) {
    throw UsageError("--event-weight: the type '{}' has two weights", type.name);
  }
  types_.push_back(std::move(type));
}

bool EventWeights::Read(std::string_view text, std::string_view column, const RowPlace& place,
                        BadRows* bad_rows, float* weight) {
  const std::string_view name = Trim(text);
  const auto found = std::ranges::find(types_, name, &EventType::name);
  if (found == types_.end()) {
    const std::vector<std::string> names = NamesOf(types_);
    bad_rows->Reject(place, column, text,
                     fmt::format("this type has no weight{}; --event-weight gives weights to {}",
                                 DidYouMean(name, names), Join(names, ", ")));
    return false;
  }
  ++found->count;
  *weight = found->weight;
  return true;
}

}  // namespace hearth

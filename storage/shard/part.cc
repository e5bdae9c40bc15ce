#include "storage/shard/part.h"

#include "common/enum_names.h"
#include "common/error.h"

namespace hearth {
namespace {

constexpr std::array<std::string_view, 3> kSplitNames = {"train", "validation", "test"};
constexpr std::array<std::string_view, 4> kScenarioNames = {"non_cold", "user_cold", "item_cold",
                                                            "both_cold"};

}  // namespace

std::string_view NameOf(Split split) { return NameOfEnum(kSplitNames, split); }
std::string_view NameOf(Scenario scenario) { return NameOfEnum(kScenarioNames, scenario); }

std::string NameOf(Part part) {
  if (part.split == Split::kTrain) return std::string(NameOf(part.split));
  return std::string(NameOf(part.split)) + "/" + std::string(NameOf(part.scenario));
}

Split ParseSplit(std::string_view name) {
  return ParseEnum<Split, DataError>("split", name, kSplitNames);
}
Scenario ParseScenario(std::string_view name) {
  return ParseEnum<Scenario, DataError>("scenario", name, kScenarioNames);
}

Part ParsePart(std::string_view name) {
  if (name == "train") return kTrainPart;
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos) {
    throw DataError("unknown part '{}': legal are train, and SPLIT/SCENARIO such as test/user_cold",
                    name);
  }
  return {ParseSplit(name.substr(0, slash)), ParseScenario(name.substr(slash + 1))};
}

std::vector<Part> AllParts() {
  std::vector<Part> parts = {kTrainPart};
  for (const Split split : {Split::kValidation, Split::kTest}) {
    for (const Scenario scenario : kAllScenarios) parts.push_back({split, scenario});
  }
  return parts;
}

}  // namespace hearth

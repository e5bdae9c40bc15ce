#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

/// The purpose of the events of a part.
enum class Split : uint8_t { kTrain = 0, kValidation = 1, kTest = 2 };

/// The side of an event that is new: it has no interaction in the training part.
enum class Scenario : uint8_t { kNonCold = 0, kUserCold = 1, kItemCold = 2, kBothCold = 3 };

inline constexpr std::array<Scenario, 4> kAllScenarios = {Scenario::kNonCold, Scenario::kUserCold,
                                                          Scenario::kItemCold, Scenario::kBothCold};

/// A disjoint set of events of a data set. Every event is in exactly one part; the training part is
/// {kTrain, kNonCold}. The names are "train", "validation/user_cold", "test/non_cold", ...
struct Part {
  Split split = Split::kTrain;
  Scenario scenario = Scenario::kNonCold;

  bool operator==(const Part&) const = default;
};

inline constexpr Part kTrainPart{};

std::string_view NameOf(Split split);        // "train", "validation", "test"
std::string_view NameOf(Scenario scenario);  // "non_cold", "user_cold", "item_cold", "both_cold"
std::string NameOf(Part part);

/// These are the inverse of NameOf. They throw DataError naming the text and the legal names.
Split ParseSplit(std::string_view name);
Scenario ParseScenario(std::string_view name);
Part ParsePart(std::string_view name);

/// The order of every listing: train, then validation for each scenario, then test for each.
std::vector<Part> AllParts();

}  // namespace hearth

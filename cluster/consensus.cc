#include "cluster/consensus.h"

#include <algorithm>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "common/error.h"

namespace hearth {
namespace {

std::vector<Fact> FactsOf(const std::string& text) {
  std::vector<Fact> facts;
  for (const auto& pair : nlohmann::json::parse(text)) facts.push_back({pair[0], pair[1]});
  return facts;
}

// "'x'" or "nothing" for a fact that a rank does not state.
std::string Quoted(const std::vector<Fact>& facts, size_t index) {
  return index < facts.size() ? fmt::format("'{}'", facts[index].value) : "nothing";
}

void RequireSame(const std::vector<Fact>& expected, int rank, const std::vector<Fact>& found) {
  for (size_t i = 0; i < std::max(expected.size(), found.size()); ++i) {
    const std::string& name = i < expected.size() ? expected[i].name : found[i].name;
    if (i < expected.size() && i < found.size() && expected[i].name != found[i].name) {
      throw ConfigError(
          "ranks disagree: rank 0 states '{}' where rank {} states '{}'; start all "
          "ranks with the same hearth",
          expected[i].name, rank, found[i].name);
    }
    if (Quoted(expected, i) == Quoted(found, i)) continue;
    throw ConfigError(
        "ranks disagree on {}: rank 0 has {}, rank {} has {}; start all ranks with "
        "the same hearth, configuration and data",
        name, Quoted(expected, i), rank, Quoted(found, i));
  }
}

}  // namespace

void RequireSameFacts(Communicator& communicator, const std::vector<Fact>& facts) {
  nlohmann::json own = nlohmann::json::array();
  for (const Fact& fact : facts) own.push_back({fact.name, fact.value});
  // Values may hold bytes that are not UTF-8 (a path); they are compared, not shown, exactly.
  const std::vector<std::string> texts = AllGatherText(
      communicator, own.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  const std::vector<Fact> expected = FactsOf(texts[0]);
  for (size_t rank = 1; rank < texts.size(); ++rank) {
    RequireSame(expected, static_cast<int>(rank), FactsOf(texts[rank]));
  }
}

}  // namespace hearth

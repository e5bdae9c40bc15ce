#include "cluster/consensus.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/to_underlying.h"

namespace hearth {
namespace {

std::vector<Fact> FactsOf(const std::string& text) {
  std::vector<Fact> facts;
  for (const auto& pair : nlohmann::json::parse(text)) facts.push_back({pair[0], pair[1]});
  return facts;
}

// Returns "'x'", or "nothing" for a fact that a rank does not state.
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
  // Values may hold bytes that are not UTF-8 (a path). JSON replaces such bytes, so
  // they are neither compared nor shown exactly.
  const std::vector<std::string> texts = AllGatherText(
      communicator, own.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  const std::vector<Fact> expected = FactsOf(texts[0]);
  for (int rank = 1; rank < std::ssize(texts); ++rank) {
    RequireSame(expected, rank, FactsOf(texts[rank]));
  }
}

std::vector<int> RanksWithRareValue(Communicator& communicator, uint64_t value) {
  const std::vector<uint64_t> values = communicator.AllGather(std::span<const uint64_t>(&value, 1));
  std::map<uint64_t, int64_t> counts;
  for (const uint64_t of_rank : values) ++counts[of_rank];
  const uint64_t common =
      std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; })->first;
  std::vector<int> ranks;
  for (int rank = 0; rank < std::ssize(values); ++rank) {
    if (values[rank] != common) ranks.push_back(rank);
  }
  return ranks;
}

std::optional<RankFailure> Attempt(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return RankFailure{error.code(), error.what()};
  } catch (const std::exception& error) {
    return RankFailure{ExitCode::kNumeric, fmt::format("unexpected error: {}", error.what())};
  }
  return std::nullopt;
}

std::optional<RankFailure> AgreeOnFailure(Communicator& communicator,
                                          const std::optional<RankFailure>& own) {
  const int none = communicator.world_size();
  std::array<int64_t, 1> first = {own ? communicator.rank() : none};
  communicator.AllReduce(std::span<int64_t>(first), ReduceOp::kMin);
  if (first[0] == none) return std::nullopt;
  const int rank = static_cast<int>(first[0]);
  std::array<int32_t, 1> code = {own ? ToUnderlying(own->code) : 0};
  communicator.Broadcast(std::span<int32_t>(code), rank);
  const std::string message = BroadcastText(communicator, own ? own->message : "", rank);
  const auto exit_code = static_cast<ExitCode>(code[0]);
  if (communicator.world_size() == 1) return RankFailure{exit_code, message};
  return RankFailure{exit_code, fmt::format("rank {}: {}", rank, message)};
}

void Throw(const RankFailure& failure) { ThrowErrorOf(failure.code, failure.message); }

}  // namespace hearth

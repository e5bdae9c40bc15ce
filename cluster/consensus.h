#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cluster/communicator.h"
#include "common/error.h"

namespace hearth {

/// A fact that must be equal on all ranks, e.g. {"config hash", "3f2a..."}.
struct Fact {
  std::string name;
  std::string value;
};

/// Compares the facts of all ranks with the facts of rank 0, in order. A difference throws
/// ConfigError on every rank, with the same message: the fact, the rank and both values.
/// Collective: all ranks must call.
void RequireSameFacts(Communicator& communicator, const std::vector<Fact>& facts);

/// Returns the ranks with a value other than the most frequent value, ascending (ties: the smallest
/// value wins). Collective: all ranks must call; all get the same answer.
std::vector<int> RanksWithRareValue(Communicator& communicator, uint64_t value);

/// An error as a value, so that a rank can tell the others of it.
struct RankFailure {
  ExitCode code = ExitCode::kOk;
  std::string message;
};

/// Runs `work` and returns the error it threw, if any.
std::optional<RankFailure> Attempt(const std::function<void()>& work);

/// Returns the failure of the lowest rank that has one, or nothing when no rank has one. Every rank
/// gets the same failure, and its message names the rank. Collective: all ranks must call.
std::optional<RankFailure> AgreeOnFailure(Communicator& communicator,
                                          const std::optional<RankFailure>& own);

/// Throws a failure as an error of its class.
[[noreturn]] void Throw(const RankFailure& failure);

}  // namespace hearth

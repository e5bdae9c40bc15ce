#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cluster/communicator.h"
#include "common/error.h"

namespace hearth {

/// Something that every rank must have equal, e.g. {"config hash", "3f2a..."}.
struct Fact {
  std::string name;
  std::string value;
};

/// Compares the facts of all ranks with those of rank 0, in order. A difference raises ConfigError
/// on every rank, with the same message: the fact, the rank and both values.
/// Collective: all ranks must call.
void RequireSameFacts(Communicator& communicator, const std::vector<Fact>& facts);

/// The ranks whose value is not that of most ranks, ascending (of values equally frequent the
/// lowest counts as that of most). Collective: all ranks must call; the same answer on each.
std::vector<int> RanksUnlikeMost(Communicator& communicator, uint64_t value);

/// An error as a value, so that a rank that met one can tell the others.
struct RankFailure {
  ExitCode code = ExitCode::kOk;
  std::string message;
};

/// Runs `work`; the error it threw, if any.
std::optional<RankFailure> Attempt(const std::function<void()>& work);

/// The failure of the lowest rank that has one, the same on every rank and naming that rank;
/// nothing when no rank has one. Collective: all ranks must call.
std::optional<RankFailure> AgreeOnFailure(Communicator& communicator,
                                          const std::optional<RankFailure>& own);

/// Throws the error a failure was.
[[noreturn]] void Throw(const RankFailure& failure);

}  // namespace hearth

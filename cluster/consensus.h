#pragma once

#include <string>
#include <vector>

#include "cluster/communicator.h"

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

}  // namespace hearth

#pragma once

#include "launch/config/load.h"

namespace hearth {

/// Adds a problem for settings that are each legal but contradict each other. Nothing is repaired.
/// A setting is also a problem if it has no effect because of another setting in the same layer or
/// an earlier one. A later layer may take the effect away: a file may set meta.inner_steps, and an
/// override may then say meta.method=joint.
void CheckCombinations(const LoadedConfig& loaded, Problems* problems);

}  // namespace hearth

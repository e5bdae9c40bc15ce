#pragma once

#include "launch/config/load.h"

namespace hearth {

/// Settings that are each legal but do not go together. Nothing is repaired: a contradiction is
/// refused, and so is a setting that would silently have no effect because of another one written
/// at the same time or before it. (A file may set meta.inner_steps and an override
/// meta.method=joint: the later one says what is wanted.)
void CheckCombinations(const LoadedConfig& loaded, Problems* problems);

}  // namespace hearth

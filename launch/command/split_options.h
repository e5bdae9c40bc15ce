#pragma once

#include <CLI/App.hpp>

#include "storage/import/split.h"

namespace hearth {

/// Adds the options of a split, shared by `data convert`, `data synth` and `data split`.
void AddSplitOptions(CLI::App* app, SplitOptions* split);

}  // namespace hearth

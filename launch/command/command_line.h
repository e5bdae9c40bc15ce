#pragma once

#include <memory>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "launch/command/invocation.h"

namespace hearth {

/// The `hearth` command with all its commands. `invocation` must outlive the result.
std::unique_ptr<CLI::App> MakeCommandLine(Invocation* invocation);

/// Parses `arguments` (without the program name) into `invocation`. Help and version print to
/// stdout and leave a command that does nothing.
/// Throws UsageError with the nearest valid name.
void ParseCommandLine(const std::vector<std::string>& arguments, Invocation* invocation);

/// Several lines: version, commit, flavour, libraries.
std::string VersionText();

}  // namespace hearth

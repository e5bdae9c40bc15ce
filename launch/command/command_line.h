#pragma once

#include <memory>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "launch/command/invocation.h"

namespace hearth {

/// Makes the `hearth` command with all its commands. `invocation` must outlive the result.
std::unique_ptr<CLI::App> MakeCommandLine(Invocation* invocation);

/// Parses `arguments` (without the program name) into `invocation`. A line that asks for help or
/// version becomes a command that prints it to stdout.
/// Throws UsageError with the nearest valid name.
void ParseCommandLine(const std::vector<std::string>& arguments, Invocation* invocation);

/// Several lines: version, commit, flavour, libraries.
std::string VersionText();

}  // namespace hearth

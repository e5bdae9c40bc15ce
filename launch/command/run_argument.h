#pragma once

#include <string>

#include <CLI/App.hpp>

namespace hearth {

/// Adds the positional argument RUN of commands that read a run folder.
inline void AddRunArgument(CLI::App* app, std::string* run) {
  app->add_option("run", *run, "run folder")->required()->type_name("RUN");
}

/// Throws UsageError unless `run` is a folder.
void RequireRunFolder(const std::string& run);

/// The checkpoint of a run folder that a command works on. `step` is a number, "last", or "best":
/// the step with the best validation value (the last step when there was no evaluation).
/// Throws UsageError for a bad `step`, DataError when there is no such checkpoint.
std::string FindCheckpoint(const std::string& run, const std::string& step);

}  // namespace hearth

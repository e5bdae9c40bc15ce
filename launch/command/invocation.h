#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/App.hpp>

#include "common/log.h"
#include "launch/command/job.h"

namespace hearth {

/// The options that every command has.
struct GlobalOptions {
  std::string log_level = "info";
  bool quiet = false;          ///< warnings and errors only
  std::string color = "auto";  ///< auto or never
};

/// The content of a command line.
struct Invocation {
  GlobalOptions global;
  LogOptions log;                      ///< in force while the command runs
  std::vector<std::string> arguments;  ///< as typed, program name included
  std::function<int(Job&)> command;    ///< returns an exit code; throws hearth::Error
  bool on_all_ranks = false;           ///< the command works under mpirun
};

/// Registers the function that runs when `app` is the chosen command.
inline void OnChosen(CLI::App* app, Invocation* invocation, std::function<int(Job&)> command,
                     bool on_all_ranks = false) {
  app->callback([invocation, command = std::move(command), on_all_ranks] {
    invocation->command = command;
    invocation->on_all_ranks = on_all_ranks;
  });
}

}  // namespace hearth

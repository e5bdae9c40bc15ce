#pragma once

namespace hearth {

/// The whole program: parses, sets up MPI and logging, runs the command, and turns whatever it
/// throws into one message and an exit code (docs/errors.md).
int RunMain(int argc, char** argv);

}  // namespace hearth

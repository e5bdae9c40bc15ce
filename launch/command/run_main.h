#pragma once

namespace hearth {

/// The whole program: parses, sets up MPI and logging, runs the command, and turns any exception
/// into one message and an exit code (docs/errors.md).
int RunMain(int argc, char** argv);

/// The program's std::terminate_handler: prints a fixed message, because it must not take memory,
/// and ends with code 70. It runs when a second exception is thrown while the first one unwinds the
/// stack, in practice when memory is so short that an object cannot be destroyed.
[[noreturn]] void EndByTerminate();

}  // namespace hearth

#pragma once

namespace hearth {

/// The whole program: parses, sets up MPI and logging, runs the command, and turns whatever it
/// throws into one message and an exit code (docs/errors.md).
int RunMain(int argc, char** argv);

/// The program's std::terminate_handler: says what it can without taking memory, and ends with code
/// 70. An exception comes here when it meets one that cannot pass, in practice when memory is so
/// short that an object cannot be destroyed.
[[noreturn]] void EndByTerminate();

}  // namespace hearth

#pragma once

#include <string>
#include <vector>

namespace hearth {

/// Runs mpirun, `words[0]`, looked for on PATH, to its end. INT (Ctrl-C) and TERM become USR2,
/// which mpirun hands on to its ranks: they save and stop. mpirun itself would give them a second
/// to do so. A second INT or TERM ends it like that. Returns mpirun's exit code, 128 + the signal
/// that ended it. Throws UsageError with `remedy` when there is no such program.
int RunMpirun(const std::vector<std::string>& words, const std::string& remedy);

/// Runs a program with `input` on its stdin, and returns what it writes to stdout; its stderr is
/// this one's. Throws UsageError when there is no such program (with `remedy`) or when it fails,
/// StorageError when there are no resources to start it.
std::string OutputOfProgram(const std::vector<std::string>& words, const std::string& input,
                            const std::string& remedy);

}  // namespace hearth

#pragma once

#include <string>
#include <vector>

namespace hearth {

/// Runs mpirun (`words[0]`, found on PATH) to its end. The first INT (Ctrl-C) or TERM becomes USR2;
/// mpirun hands it on to its ranks, and they save and stop. mpirun alone would give them one second
/// for this. A second INT or TERM ends mpirun with TERM. Returns mpirun's exit code, or 128 + the
/// signal that ended it. Throws UsageError with `remedy` when there is no such program.
int RunMpirun(const std::vector<std::string>& words, const std::string& remedy);

/// Runs a program with `input` on its stdin and returns its stdout. It writes to the stderr of this
/// process. Throws UsageError when there is no such program (with `remedy`) or when it fails,
/// StorageError when there are no resources to start it.
std::string OutputOfProgram(const std::vector<std::string>& words, const std::string& input,
                            const std::string& remedy);

}  // namespace hearth

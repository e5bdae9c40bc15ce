#include "launch/command/run_main.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string_view>

#include <unistd.h>

#include "common/error.h"
#include "common/log.h"
#include "launch/command/command_line.h"
#include "launch/command/job.h"

namespace hearth {
namespace {

/// stderr alone decides: under mpirun stdout looks like a terminal even when it goes to a file.
bool WantsColor(const GlobalOptions& global, const Job& job) {
  const char* no_color = std::getenv("NO_COLOR");
  return global.color == "auto" && (no_color == nullptr || *no_color == '\0') &&
         !job.launched_by_mpi() && isatty(STDERR_FILENO) == 1;
}

LogOptions ConsoleLogging(const GlobalOptions& global, const Job& job) {
  LogOptions options;
  options.level = global.quiet ? "warn" : global.log_level;
  options.color = WantsColor(global, job);
  options.stderr_enabled = job.is_root();
  options.rank = job.rank();
  options.world_size = job.world_size();
  return options;
}

}  // namespace

void EndByTerminate() {
  static constexpr std::string_view kText =
      "hearth: error: an exception could not be handled, in most cases because memory ran out; "
      "lower tasks.per_step or tasks.chunk, or look at what else runs on this host; committed "
      "checkpoints are whole, start again\n";
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, kText.data(), kText.size());
  ::_exit(static_cast<int>(ExitCode::kNumeric));
}

int RunMain(int argc, char** argv) {
  std::set_terminate(&EndByTerminate);
  std::optional<Job> job;
  try {
    job.emplace(&argc, &argv);
  } catch (const UsageError&) {  // every started process gets this; none is a rank
    const Failure failure = FailureOf(std::current_exception());
    if (MpiSession::RankByLauncher() == 0) std::fprintf(stderr, "%s\n", failure.message.c_str());
    return failure.code;
  } catch (...) {
    const Failure failure = FailureOf(std::current_exception());
    std::fprintf(stderr, "%s\n", failure.message.c_str());
    return failure.code;
  }
  return job->Run([&](Job& ranks) {
    Invocation invocation;
    invocation.arguments.assign(argv, argv + argc);
    ParseCommandLine({argv + 1, argv + argc}, &invocation);
    if (!invocation.on_all_ranks && ranks.world_size() > 1) {
      throw UsageError(
          "this command runs as one process, and mpirun started {}; start it without mpirun",
          ranks.world_size());
    }
    invocation.log = ConsoleLogging(invocation.global, ranks);
    SetUpLogging(invocation.log);
    return invocation.command(ranks);
  });
}

}  // namespace hearth

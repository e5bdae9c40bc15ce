#include "launch/command/job.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <new>
#include <thread>

#include <c10/util/Exception.h>
#include <unistd.h>

#include "cluster/self_communicator.h"
#include "cluster/watchdog.h"
#include "common/error.h"
#include "common/host_name.h"
#include "common/log.h"
#include "common/text.h"
#include "launch/config/place.h"
#include "launch/report/exit_file.h"
#include "storage/file/fault_report.h"
#include "storage/file/file_descriptor.h"

namespace hearth {
namespace {

constexpr const char* kMemoryHint =
    "out of memory; lower tasks.per_step, tasks.chunk, meta.inner_steps or model.layers, or set "
    "meta.method=fomaml, which keeps no second-order graph";

Failure ErrorFailure(ExitCode code, const std::string& message) {
  return {static_cast<int>(code), "hearth: error: " + message};
}

bool IsAboutMemory(std::string_view text) {
  return text.find("out of memory") != std::string_view::npos ||
         text.find("not enough memory") != std::string_view::npos ||
         text.find("can't allocate memory") != std::string_view::npos;
}

void Print(const std::string& text) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s\n", text.c_str());
}

Failure FileFailure(const std::filesystem::filesystem_error& error) {
  try {
    ThrowFileError("access", error.path1().string(), error.code().value());
  } catch (const Error& refusal) {
    return ErrorFailure(refusal.code(), refusal.what());
  }
}

}  // namespace

Failure FailureOf(std::exception_ptr exception) {
  try {
    std::rethrow_exception(std::move(exception));
  } catch (const PlacedConfigError& error) {
    return {static_cast<int>(error.code()), error.what()};
  } catch (const Error& error) {
    return ErrorFailure(error.code(), error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return FileFailure(error);
  } catch (const std::bad_alloc&) {
    return ErrorFailure(ExitCode::kNumeric, kMemoryHint);
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    if (IsAboutMemory(text)) return ErrorFailure(ExitCode::kNumeric, kMemoryHint);
    return ErrorFailure(ExitCode::kNumeric, "internal: LibTorch: " + text);
  } catch (const std::exception& error) {
    return ErrorFailure(ExitCode::kNumeric, std::string("internal: ") + error.what());
  } catch (...) {
    return ErrorFailure(ExitCode::kNumeric, "internal: unknown exception");
  }
}

Job::Job(int* argc, char*** argv) : launcher_(getppid()) {
  if (MpiSession::LaunchedByMpi()) session_.emplace(argc, argv);
}

Job::~Job() = default;

std::unique_ptr<Communicator> Job::MakeCommunicator(const CommunicatorOptions& options) const {
  if (session_) return session_->MakeCommunicator(options);
  return std::make_unique<SelfCommunicator>();
}

void Job::SetRunFolder(const std::string& folder) {
  run_folder_ = folder;
  owns_run_folder_ = true;
  if (is_root()) RemoveExitFile(folder);
  if (launched_by_mpi()) {
    PrepareExitFile(folder, {static_cast<int>(ExitCode::kStorage), rank(), HostName(), ""});
  }
}

void Job::LoseRunFolder() {
  owns_run_folder_ = false;
  ClearFaultReport();
}

int Job::Run(const std::function<int(Job&)>& body) {
  std::optional<Failure> failure;
  int code = 0;
  try {
    code = body(*this);
  } catch (const PeerFailed& peer) {
    return peer.code;
  } catch (...) {
    failure = FailureOf(std::current_exception());
  }
  if (!started_) {
    try {
      if (const std::optional<int> agreed = AgreeOnExitCode(failure)) return *agreed;
      return code;
    } catch (const CommError& error) {
      FailAlone(failure ? *failure : ErrorFailure(error.code(), error.what()));
    }
  }
  if (!failure) return code;
  if (world_size() == 1) {
    Print(failure->message);
    return failure->code;
  }
  FailAlone(*failure);
}

void Job::StartTogether() {
  HEARTH_CHECK(!started_);
  const std::optional<int> code = AgreeOnExitCode(std::nullopt);
  started_ = true;
  if (code) throw PeerFailed{*code};
}

std::optional<int> Job::AgreeOnExitCode(const std::optional<Failure>& own) {
  if (world_size() == 1) {
    if (!own) return std::nullopt;
    Print(own->message);
    return own->code;
  }
  const auto communicator = MakeCommunicator({});
  const Failure mine = own.value_or(Failure());
  const auto codes =
      communicator->AllGather(std::span<const int32_t>(std::vector<int32_t>{mine.code}));
  const auto messages = AllGatherText(*communicator, mine.message);
  const auto hosts = AllGatherText(*communicator, HostName());
  int first = 0;
  while (first < std::ssize(codes) && codes[first] == 0) ++first;
  if (first == std::ssize(codes)) return std::nullopt;

  bool shared_by_all = true;
  for (const std::string& message : messages) shared_by_all &= message == messages[first];
  if (!is_root()) return codes[first];
  if (shared_by_all) {
    Print(messages[first]);
    return codes[first];
  }
  Print(fmt::format("[rank {} on {}] {}", first, hosts[first], messages[first]));
  if (owns_run_folder_) {
    WriteExitFile(run_folder_, {codes[first], first, hosts[first], messages[first]});
  }
  return codes[first];
}

bool Job::LeaveExitFile(const Failure& failure) const {
  return !owns_run_folder_ ||
         WriteExitFile(run_folder_, {failure.code, rank(), HostName(), failure.message});
}

void Job::FailAlone(const Failure& failure) const {
  EndProcessSoon(failure.code);  // MPI may wait for a launcher that does not answer
  spdlog::default_logger()->flush();
  if (LeaveExitFile(failure)) {
    Print(fmt::format("[rank {} on {}] {}", rank(), HostName(), failure.message));
  }
  std::fflush(nullptr);
  MpiSession::Abort(failure.code);
}

void Job::EndAtOnce(ExitCode code, const std::string& message) {
  EndProcessSoon(static_cast<int>(code));
  const Failure failure = ErrorFailure(code, message);
  std::string line = failure.message;
  if (launched_by_mpi()) line = fmt::format("[rank {} on {}] {}", rank(), HostName(), line);
  // stderr comes first, because the run folder may be the place that does not answer.
  Print(line);
  LeaveExitFile(failure);
  if (owns_run_folder_) LogToFiles(line);
  // The launcher ends the others when it sees the first one end. Each rank gets a second to print
  // the work it was doing, because this shows the rank that the others wait for.
  if (world_size() > 1) std::this_thread::sleep_for(std::chrono::seconds(1));
  _exit(failure.code);
}

}  // namespace hearth

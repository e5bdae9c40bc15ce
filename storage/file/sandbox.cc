#include "storage/file/sandbox.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>
#include <new>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "storage/file/hdf5_handle.h"
#include "storage/file/sandbox_rules.h"

namespace hearth {
namespace {

// The child writes kItemDone after each item. After an exception it writes kThrew, the exit code of
// the error as one byte, and the message.
constexpr char kItemDone = '.';
constexpr char kThrew = '!';
constexpr size_t kMaxMessageBytes = 4000;  // one write to a pipe of up to 4096 bytes is not torn

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) {
      throw StorageError("cannot make a pipe: {}", std::strerror(errno));
    }
  }
  ~Pipe() {
    ::close(ends_[0]);
    CloseWriting();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reading() const { return ends_[0]; }
  int writing() const { return ends_[1]; }
  void CloseWriting() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  int ends_[2] = {-1, -1};
};

void Send(int fd, const std::string& bytes) {
  if (::write(fd, bytes.data(), bytes.size()) != std::ssize(bytes)) ::_exit(1);
}

void SendFailure(int fd, ExitCode code, const std::string& message) {
  Send(fd, std::string{kThrew, static_cast<char>(code)} + message.substr(0, kMaxMessageBytes));
}

/// The whole life of the child. An exception during the report of another also ends the child.
[[noreturn]] void RunChild(int64_t item_count, const SandboxLimits& limits, pid_t parent, int fd,
                           const std::function<void(int64_t)>& work) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  // The child must not log: a thread of the parent may have held the log's lock at the fork.
  // Nothing is lost, because the parent reads the file as well.
  spdlog::default_logger_raw()->set_level(spdlog::level::off);
  try {
    EnterSandbox(limits.memory_bytes, limits.seconds_per_item * item_count);
    for (int64_t item = 0; item < item_count; ++item) {
      work(item);
      Send(fd, {kItemDone});
    }
  } catch (const Error& error) {
    SendFailure(fd, error.code(), error.what());
  } catch (const std::bad_alloc&) {
    SendFailure(fd, ExitCode::kOk, "");
  } catch (const std::exception& error) {
    SendFailure(fd, ExitCode::kData, error.what());
  } catch (...) {
    ::_exit(1);  // no exception may unwind into the parent's stack frames
  }
  ::_exit(0);
}

/// The words of the child until it ended or was silent too long. The constructor takes all memory:
/// it runs before the fork, so an exception leaves no child behind.
struct ChildReport {
  ChildReport() { failure.reserve(2 + kMaxMessageBytes); }

  int64_t done_count = 0;
  std::string failure;  // from kThrew on
  bool timed_out = false;
};

void ReadChildReport(int fd, int64_t seconds, ChildReport* report) {
  using Clock = std::chrono::steady_clock;
  auto deadline = Clock::now() + std::chrono::seconds(seconds);
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting{fd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<int64_t>(left, 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) {
      report->timed_out = true;
      return;
    }
    char bytes[4096];
    const ssize_t count = ::read(fd, bytes, sizeof(bytes));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    for (const char byte : std::string_view(bytes, count)) {
      if (report->failure.empty() && byte != kThrew) {
        ++report->done_count;
      } else if (report->failure.size() < report->failure.capacity()) {
        report->failure += byte;
      }
    }
    deadline = Clock::now() + std::chrono::seconds(seconds);
  }
}

/// Waits for a child that ended or was told to, and returns its wait status: nothing when somebody
/// else collected it.
std::optional<int> WaitFor(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return std::nullopt;
  }
  return status;
}

std::string DescribeDeath(std::optional<int> status) {
  if (status && WIFSIGNALED(*status)) {
    return fmt::format("its reader died of signal {} ({})", WTERMSIG(*status),
                       ::strsignal(WTERMSIG(*status)));
  }
  if (status) return fmt::format("its reader ended with code {}", WEXITSTATUS(*status));
  return "its reader died";
}

[[noreturn]] void ThrowReceived(const std::string& failure, const SandboxLimits& limits,
                                const std::string& name) {
  const auto code = static_cast<ExitCode>(failure[1]);
  const std::string message = failure.substr(2);
  if (code == ExitCode::kOk) {
    throw DataError("{} cannot be read safely: reading it takes more than {} MiB of memory", name,
                    limits.memory_bytes >> 20);
  }
  // A parser's error is the fault of the data unless the file system caused it.
  const bool is_data = code != ExitCode::kStorage && code != ExitCode::kPermission;
  ThrowErrorOf(is_data ? ExitCode::kData : code, message);
}

}  // namespace

void RunInSandbox(int64_t item_count, const SandboxLimits& limits,
                  const std::function<std::string(int64_t)>& name_of,
                  const std::function<void(int64_t)>& work) {
  if (item_count == 0) return;
  ChildReport report;
  Pipe pipe;
  const pid_t parent = ::getpid();
  pid_t child = -1;
  hdf5_internal::WhileLibraryIsQuiet([&] {
    child = ::fork();
    if (child == 0) RunChild(item_count, limits, parent, pipe.writing(), work);
  });
  if (child < 0) throw StorageError("cannot start a process: {}", std::strerror(errno));
  pipe.CloseWriting();
  ReadChildReport(pipe.reading(), limits.seconds_per_item, &report);
  if (report.timed_out) ::kill(child, SIGKILL);
  const std::optional<int> status = WaitFor(child);
  if (report.done_count == item_count && report.failure.empty()) return;
  const std::string name = name_of(std::min(report.done_count, item_count - 1));
  if (report.failure.size() >= 2) ThrowReceived(report.failure, limits, name);
  const std::string reason =
      report.timed_out ? fmt::format("reading it takes more than {} s", limits.seconds_per_item)
                       : DescribeDeath(status);
  throw DataError("{} cannot be read safely: {}; get an undamaged copy", name, reason);
}

}  // namespace hearth

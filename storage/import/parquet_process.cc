#include "storage/import/parquet_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr int kSilentSeconds = 300;

// The arguments of the program. `texts` outlives them.
std::vector<char*> ArgumentsOf(std::vector<std::string>* texts) {
  std::vector<char*> arguments;
  for (std::string& text : *texts) arguments.push_back(text.data());
  arguments.push_back(nullptr);
  return arguments;
}

// Starts a program with `socket` as its input and output. Returns 0 or the error.
int Start(std::vector<std::string> command, int socket, pid_t* child) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, socket, STDOUT_FILENO);
  const int error = posix_spawn(child, command[0].c_str(), &actions, nullptr,
                                ArgumentsOf(&command).data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

}  // namespace

std::string ParquetProgram() {
  std::error_code ignored;
  const fs::path folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const fs::path& place : {folder, folder.parent_path() / "bin"}) {
    const fs::path program = place / "hearth-parquet";
    if (fs::is_regular_file(program, ignored)) return program.string();
  }
  return "";
}

ParquetProcess::ParquetProcess(const std::vector<std::string>& files) : name_(files[0]) {
  const std::string program = ParquetProgram();
  if (program.empty()) {
    throw DataError(
        "{} is a Parquet file, and this hearth was built without Parquet; run launch/setup "
        "--parquet, or write the table as CSV or JSON lines",
        name_);
  }
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw StorageError("cannot make a pair of sockets: {}", std::strerror(errno));
  }
  std::vector<std::string> command = {program};
  command.insert(command.end(), files.begin(), files.end());
  const int error = Start(std::move(command), ends[1], &child_);
  ::close(ends[1]);
  socket_ = ends[0];
  if (error == 0) return;
  ::close(socket_);
  throw StorageError("cannot start '{}': {}", program, std::strerror(error));
}

ParquetProcess::~ParquetProcess() {
  ::close(socket_);
  if (child_ <= 0) return;
  ::kill(child_, SIGKILL);
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void ParquetProcess::Fail(const std::string& why) const {
  throw DataError("{} cannot be read safely: {}; get an undamaged copy", name_, why);
}

void ParquetProcess::ReadExactly(char* bytes, size_t count) {
  while (count > 0) {
    pollfd waiting{socket_, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, kSilentSeconds * 1000);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) Fail(fmt::format("its reader said nothing for {} s", kSilentSeconds));
    const ssize_t got = ::read(socket_, bytes, count);
    if (got < 0 && errno == EINTR) continue;
    if (got > 0) {
      bytes += got;
      count -= got;
      continue;
    }
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    child_ = -1;
    if (!WIFSIGNALED(status)) {
      Fail(fmt::format("its reader ended with code {}", WEXITSTATUS(status)));
    }
    Fail(fmt::format("its reader died of signal {} ({})", WTERMSIG(status),
                     ::strsignal(WTERMSIG(status))));
  }
}

ParquetStream::Message ParquetProcess::Receive(std::string* body) {
  ParquetStream::Head head;
  ReadExactly(reinterpret_cast<char*>(&head), sizeof(head));
  const bool is_known =
      head.message >= ParquetStream::kHeader && head.message <= ParquetStream::kFailure;
  if (!is_known || head.byte_count > ParquetStream::kMaxBytes) Fail("its reader talks nonsense");
  body->resize(head.byte_count);
  ReadExactly(body->data(), body->size());
  if (head.message != ParquetStream::kFailure) {
    return static_cast<ParquetStream::Message>(head.message);
  }
  if (body->empty()) Fail("its reader talks nonsense");
  const auto code = static_cast<uint8_t>(body->front());
  if (code == ParquetStream::kOutOfMemory) {
    Fail(fmt::format("reading it takes more than {} MiB of memory",
                     ParquetStream::kMemoryBytes >> 20));
  }
  const auto error = static_cast<ExitCode>(code);
  const bool is_data = error != ExitCode::kStorage && error != ExitCode::kPermission;
  ThrowErrorOf(is_data ? ExitCode::kData : error, body->substr(1));
}

void ParquetProcess::SendUses(const std::vector<uint8_t>& uses) {
  const ssize_t sent = ::send(socket_, uses.data(), uses.size(), MSG_NOSIGNAL);
  if (sent != std::ssize(uses)) Fail("its reader ended");
}

}  // namespace hearth

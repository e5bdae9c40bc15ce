#include "launch/command/programs.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"

namespace hearth {
namespace {

/// The argv of `words`; `words` must outlive it.
std::vector<char*> Arguments(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  return arguments;
}

/// Settings for the begin of a process.
struct Spawning {
  Spawning() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
  }
  ~Spawning() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  Spawning(const Spawning&) = delete;
  Spawning& operator=(const Spawning&) = delete;

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

pid_t Spawn(const std::vector<std::string>& words, const std::function<void(Spawning*)>& prepare,
            const std::string& remedy) {
  Spawning spawning;
  prepare(&spawning);
  pid_t child = 0;
  const int error = posix_spawnp(&child, words[0].c_str(), &spawning.files, &spawning.attributes,
                                 Arguments(words).data(), environ);
  if (error == 0) return child;
  throw UsageError("cannot start {}: {}; {}", words[0], std::strerror(error), remedy);
}

/// The exit code by the rule of shells: 128 + signal for a process that a signal ended.
int CodeOf(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return 128 + WTERMSIG(status);
}

/// A file without a name. Neither process ever waits for the other, as both would with a pipe. The
/// object closes the file.
class MemoryFile {
 public:
  explicit MemoryFile(const std::string& text) : file_(memfd_create("hearth", MFD_CLOEXEC)) {
    size_t done = 0;
    while (file_ >= 0 && done < text.size()) {
      const ssize_t count = write(file_, text.data() + done, text.size() - done);
      if (count < 0) break;
      done += count;
    }
    if (file_ < 0 || done < text.size() || lseek(file_, 0, SEEK_SET) != 0) {
      const int error = errno;
      if (file_ >= 0) close(file_);
      throw StorageError("cannot make a file in memory: {}", std::strerror(error));
    }
  }
  ~MemoryFile() { close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int descriptor() const { return file_; }

  std::string Text() const {
    std::string text(lseek(file_, 0, SEEK_END), '\0');
    text.resize(pread(file_, text.data(), text.size(), 0));
    return text;
  }

 private:
  int file_;
};

}  // namespace

int RunMpirun(const std::vector<std::string>& words, const std::string& remedy) {
  std::signal(SIGCHLD, SIG_DFL);  // the parent process may have ignored it
  sigset_t awaited, before;
  sigemptyset(&awaited);
  for (const int signal : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&awaited, signal);
  pthread_sigmask(SIG_BLOCK, &awaited, &before);
  const auto prepare = [&before](Spawning* spawning) {
    // Ctrl-C on the terminal does not reach a process group of its own.
    posix_spawnattr_setflags(&spawning->attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&spawning->attributes, 0);
    posix_spawnattr_setsigmask(&spawning->attributes, &before);
    posix_spawn_file_actions_addopen(&spawning->files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  };
  const pid_t child = Spawn(words, prepare, remedy);
  bool asked = false;
  int status = 0;
  pid_t ended = 0;
  while ((ended = waitpid(child, &status, WNOHANG)) == 0) {
    int signal = 0;
    sigwait(&awaited, &signal);
    if (signal == SIGCHLD) continue;
    kill(child, asked ? SIGTERM : SIGUSR2);
    asked = true;
  }
  HEARTH_CHECK(ended == child);
  return CodeOf(status);
}

std::string OutputOfProgram(const std::vector<std::string>& words, const std::string& input,
                            const std::string& remedy) {
  const MemoryFile in(input), out("");
  const auto prepare = [&](Spawning* spawning) {
    posix_spawn_file_actions_adddup2(&spawning->files, in.descriptor(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&spawning->files, out.descriptor(), STDOUT_FILENO);
  };
  const pid_t child = Spawn(words, prepare, remedy);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) HEARTH_CHECK(errno == EINTR);
  if (CodeOf(status) != 0) {
    throw UsageError("{} failed with exit code {}; its message is above", words[0], CodeOf(status));
  }
  return out.Text();
}

}  // namespace hearth

#include "storage/run/process_identity.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <optional>
#include <sstream>

#include <fmt/format.h>
#include <unistd.h>

#include "common/host_name.h"

namespace hearth {
namespace {

std::string BootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id;
}

std::string PidNamespace() {
  std::array<char, 64> text{};
  const ssize_t size = ::readlink("/proc/self/ns/pid", text.data(), text.size());
  return size > 0 ? std::string(text.data(), size) : "";
}

struct ProcessStatus {
  char state = '?';
  int64_t start_ticks = 0;
};

// proc(5): the name of the program may hold any character and ends at the last ')'. The state is
// the first field after it, and the start time is the twentieth.
std::optional<ProcessStatus> StatusOf(int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::ostringstream text;
  text << file.rdbuf();
  const std::string line = text.str();
  const size_t end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(end_of_name + 1));
  ProcessStatus status;
  fields >> status.state;
  std::string skipped;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  if (!(fields >> status.start_ticks)) return std::nullopt;
  return status;
}

}  // namespace

ProcessIdentity ThisProcess() {
  ProcessIdentity self{HostName(), BootId(), PidNamespace(), ::getpid(), 0};
  if (const auto status = StatusOf(self.pid)) self.start_ticks = status->start_ticks;
  return self;
}

bool IsGone(const ProcessIdentity& process) {
  if (process.boot_id.empty() || process.boot_id != BootId()) return false;
  if (process.pid_namespace.empty() || process.pid_namespace != PidNamespace()) return false;
  const auto status = StatusOf(process.pid);
  if (!status) {
    // A process may exist although its status is hidden from other users (hidepid).
    return ::kill(static_cast<pid_t>(process.pid), 0) != 0 && errno == ESRCH;
  }
  const bool is_dead = status->state == 'Z' || status->state == 'X';  // dead, not yet collected
  return is_dead || status->start_ticks != process.start_ticks;
}

}  // namespace hearth

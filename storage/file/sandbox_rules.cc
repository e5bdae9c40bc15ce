#include "storage/file/sandbox_rules.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/error.h"

namespace hearth {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif

/// System calls that a parser of open files does not need.
constexpr auto kRefusedCalls = std::to_array<uint32_t>({
  __NR_socket, __NR_socketpair, __NR_connect, __NR_bind, __NR_listen, __NR_accept4, __NR_sendto,
      __NR_sendmsg, __NR_execve, __NR_execveat, __NR_clone, __NR_clone3, __NR_ptrace,
      __NR_process_vm_readv, __NR_process_vm_writev, __NR_kill, __NR_tkill, __NR_pidfd_open,
      __NR_mount, __NR_unshare, __NR_setns, __NR_bpf, __NR_io_uring_setup, __NR_unlinkat,
      __NR_renameat2, __NR_mkdirat, __NR_linkat, __NR_symlinkat, __NR_mknodat, __NR_fchmodat,
      __NR_fchownat, __NR_fchmod, __NR_fchown, __NR_truncate, __NR_ftruncate, __NR_fallocate,
      __NR_utimensat, __NR_openat2, __NR_setxattr, __NR_fsetxattr, __NR_keyctl, __NR_add_key,
      __NR_userfaultfd,
#if defined(__x86_64__)
      __NR_accept, __NR_fork, __NR_vfork, __NR_creat, __NR_unlink, __NR_rename, __NR_renameat,
      __NR_mkdir, __NR_rmdir, __NR_link, __NR_symlink, __NR_mknod, __NR_chmod, __NR_chown,
      __NR_lchown, __NR_utime, __NR_utimes,
#endif
});

constexpr uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
constexpr uint32_t kWritingFlags = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;

/// Answers EPERM to the refused calls, and to openat() and open() for writing.
std::vector<sock_filter> MakeFilter() {
  const auto load = [](uint32_t offset) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset);
  };
  const auto answer = [](uint32_t value) { return sock_filter BPF_STMT(BPF_RET | BPF_K, value); };
  // Skips the next `count` instructions unless the comparison with the loaded word holds.
  const auto unless = [](int comparison, uint32_t value, uint8_t count) {
    return sock_filter BPF_JUMP(static_cast<uint16_t>(BPF_JMP | comparison | BPF_K), value, 0,
                                count);
  };
  std::vector<sock_filter> filter = {
      load(offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
      answer(SECCOMP_RET_KILL_PROCESS),
      load(offsetof(seccomp_data, nr)),
  };
#if defined(__x86_64__)
  constexpr uint32_t kOtherNumbering = 0x40000000;  // x32 has other numbers for the same calls
  filter.insert(filter.end(), {unless(BPF_JGE, kOtherNumbering, 1), answer(kRefuse)});
#endif
  for (const uint32_t call : kRefusedCalls) {
    filter.insert(filter.end(), {unless(BPF_JEQ, call, 1), answer(kRefuse)});
  }
  constexpr uint32_t kArguments = offsetof(seccomp_data, args), kArgumentBytes = sizeof(uint64_t);
  const auto refuse_writing = [&](uint32_t call, uint32_t flags_argument) {
    filter.insert(filter.end(),
                  {unless(BPF_JEQ, call, 4), load(kArguments + flags_argument * kArgumentBytes),
                   unless(BPF_JSET, kWritingFlags, 1), answer(kRefuse), answer(SECCOMP_RET_ALLOW)});
  };
  refuse_writing(__NR_openat, 2);
#if defined(__x86_64__)
  refuse_writing(__NR_open, 1);
#endif
  filter.push_back(answer(SECCOMP_RET_ALLOW));
  return filter;
}

int64_t AddressSpaceBytes() {
  long long pages = 0;
  std::FILE* const file = std::fopen("/proc/self/statm", "re");
  const bool known = file != nullptr && std::fscanf(file, "%lld", &pages) == 1;
  if (file != nullptr) std::fclose(file);
  if (!known) throw StorageError("cannot read '/proc/self/statm'");
  return pages * ::sysconf(_SC_PAGESIZE);
}

void Limit(__rlimit_resource resource, int64_t value) {
  rlimit limit{};
  ::getrlimit(resource, &limit);
  limit.rlim_cur = std::min<rlim_t>(value, limit.rlim_max);
  limit.rlim_max = limit.rlim_cur;
  if (::setrlimit(resource, &limit) != 0) {
    const int number = resource;
    throw StorageError("cannot limit resource {} to {}: {}", number, value, std::strerror(errno));
  }
}

/// The child must not use the parent's connections to peers or to a GPU.
void CloseSocketsAndDevices() {
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) throw StorageError("cannot list '/proc/self/fd'");
  std::vector<int> unwanted;
  while (const dirent* const entry = ::readdir(folder)) {
    const int fd = std::atoi(entry->d_name);
    struct stat status {};
    if (fd > STDERR_FILENO && ::fstat(fd, &status) == 0 &&
        (S_ISSOCK(status.st_mode) || S_ISCHR(status.st_mode))) {
      unwanted.push_back(fd);
    }
  }
  ::closedir(folder);
  for (const int fd : unwanted) ::close(fd);
}

}  // namespace

void EnterSandbox(int64_t memory_bytes, int64_t cpu_seconds) {
  for (const int signal : {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGABRT, SIGTERM, SIGINT, SIGUSR2}) {
    std::signal(signal, SIG_DFL);
  }
  std::signal(SIGXFSZ, SIG_IGN);
  CloseSocketsAndDevices();
  Limit(RLIMIT_AS, AddressSpaceBytes() + memory_bytes);
  Limit(RLIMIT_CPU, cpu_seconds + 1);
  Limit(RLIMIT_FSIZE, 0);
  Limit(RLIMIT_CORE, 0);
  // The parser may open a few files besides those that are open already.
  constexpr int64_t kOwnFiles = 16;
  const int next = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
  if (next >= 0) {
    ::close(next);
    Limit(RLIMIT_NOFILE, next + kOwnFiles);
  }
  std::vector<sock_filter> filter = MakeFilter();
  const sock_fprog program{static_cast<uint16_t>(filter.size()), filter.data()};
  // A kernel built without filters leaves the limits above in force.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
    ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
  }
}

}  // namespace hearth

#include "storage/file/sandbox.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "storage/file/hdf5.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::string NameOf(int64_t item) { return fmt::format("item {}", item); }

void Confine(const std::function<void()>& work, const SandboxLimits& limits = {}) {
  RunInSandbox(1, limits, NameOf, [&](int64_t) { work(); });
}

/// Ends the child with an error unless `refused` holds, so that the parent notices.
void Require(bool refused, const char* what) {
  if (!refused) throw DataError("allowed: {}", what);
}

TEST(Sandbox, RunsEveryItemInOrderWithoutATraceHere) {
  const std::vector<std::string> expected = {"0", "01", "012"};
  std::string seen;
  RunInSandbox(3, {}, NameOf, [&](int64_t item) {
    seen += std::to_string(item);
    if (seen != expected[item]) throw DataError("saw {}", seen);
  });
  EXPECT_EQ(seen, "");
  RunInSandbox(0, {}, NameOf, [](int64_t) { std::abort(); });
}

TEST(Sandbox, ErrorsArriveWithTheirClassAndMessage) {
  EXPECT_THAT([] { Confine([] { throw DataError("row {}", 7); }); },
              ThrowsMessage<DataError>("row 7"));
  EXPECT_THAT([] { Confine([] { throw StorageError("disk"); }); },
              ThrowsMessage<StorageError>("disk"));
  EXPECT_THAT([] { Confine([] { throw PermissionError("no"); }); },
              ThrowsMessage<PermissionError>("no"));
  EXPECT_THAT([] { Confine([] { throw DataError(std::string(100'000, 'x')); }); },
              ThrowsMessage<DataError>(std::string(4000, 'x')));
}

TEST(Sandbox, OtherExceptionsEndInTheChild) {
  EXPECT_THAT([] { Confine([] { throw std::length_error("too long"); }); },
              ThrowsMessage<DataError>("too long"));
  EXPECT_THAT([] { Confine([] { throw 7; }); },
              ThrowsMessage<DataError>(HasSubstr("its reader ended with code 1")));
}

TEST(Sandbox, ACrashNamesTheItemAndTheSignal) {
  for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGKILL}) {
    const auto crash_at_two = [&](int64_t item) {
      if (item == 2) ::raise(signal);
    };
    EXPECT_THAT([&] { RunInSandbox(5, {}, NameOf, crash_at_two); },
                ThrowsMessage<DataError>(AllOf(HasSubstr("item 2 cannot be read safely"),
                                               HasSubstr(fmt::format("signal {} ", signal)))));
  }
  EXPECT_THAT([] { Confine([] { ::_exit(3); }); },
              ThrowsMessage<DataError>(HasSubstr("its reader ended with code 3")));
}

TEST(Sandbox, AHangEndsAtTheLimit) {
  const auto hang = [] {
    while (true) ::pause();
  };
  EXPECT_THAT([&] { Confine(hang, {.seconds_per_item = 1}); },
              ThrowsMessage<DataError>(HasSubstr("takes more than 1 s")));
}

TEST(Sandbox, MemoryBeyondTheLimitIsRefused) {
  const auto take = [](size_t size_bytes) {
    std::vector<char> block(size_bytes, 'x');
    if (block[size_bytes / 2] != 'x') std::abort();
  };
  const SandboxLimits limits{.memory_bytes = 64 << 20};
  EXPECT_NO_THROW(Confine([&] { take(16 << 20); }, limits));
  EXPECT_THAT(
      [&] {
        Confine(
            [] {
              void* const block = ::mmap(nullptr, 256 << 20, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              if (block == MAP_FAILED) throw std::bad_alloc();
            },
            limits);
      },
      ThrowsMessage<DataError>(HasSubstr("takes more than 64 MiB of memory")));
}

TEST(Sandbox, FilesCanBeReadAndNotChanged) {
  const std::string folder = ::testing::TempDir() + "/sandbox-" + std::to_string(::getpid());
  std::filesystem::create_directories(folder);
  const std::string file = folder + "/canary";
  std::ofstream(file) << "canary";
  EXPECT_NO_THROW(Confine([&] {
    std::string text;
    std::ifstream(file) >> text;
    Require(text == "canary", "not to read");
    Require(::open(file.c_str(), O_WRONLY) < 0, "open for writing");
    Require(::open(file.c_str(), O_RDONLY | O_TRUNC) < 0, "truncate by opening");
    Require(::open((folder + "/new").c_str(), O_RDONLY | O_CREAT, 0600) < 0, "create");
    Require(::unlink(file.c_str()) != 0, "unlink");
    Require(::rename(file.c_str(), (file + "2").c_str()) != 0, "rename");
    Require(::truncate(file.c_str(), 0) != 0, "truncate");
    Require(::chmod(file.c_str(), 0777) != 0, "chmod");
    Require(::symlink("/", (folder + "/link").c_str()) != 0, "symlink");
    Require(::mkdir((folder + "/folder").c_str(), 0700) != 0, "mkdir");
  }));
  // Writing through a descriptor that was open before fails as well.
  const int writable = ::open((folder + "/writable").c_str(), O_RDWR | O_CREAT, 0600);
  EXPECT_NO_THROW(Confine([&] { Require(::write(writable, "x", 1) < 0, "write"); }));
  ::close(writable);
  EXPECT_EQ(std::filesystem::file_size(file), 6U);
  std::filesystem::remove_all(folder);
}

TEST(Sandbox, ConnectionsOfThisProcessAreClosed) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  EXPECT_NO_THROW(Confine([&] { Require(::write(pair[0], "x", 1) < 0, "write to a socket"); }));
  EXPECT_EQ(::write(pair[0], "x", 1), 1);
  ::close(pair[0]);
  ::close(pair[1]);
}

TEST(Sandbox, NoNetworkNoProgramsNoProcesses) {
  EXPECT_NO_THROW(Confine([] {
    Require(::socket(AF_INET, SOCK_STREAM, 0) < 0, "TCP socket");
    Require(::socket(AF_UNIX, SOCK_STREAM, 0) < 0, "Unix socket");
    char* const arguments[] = {const_cast<char*>("true"), nullptr};
    Require(::execv("/bin/true", arguments) != 0, "execv");
    Require(::fork() < 0, "fork");
    Require(::kill(::getppid(), 0) != 0, "kill");
    rlimit core{};
    ::getrlimit(RLIMIT_CORE, &core);
    Require(core.rlim_max == 0, "core dump");
  }));
}

TEST(Sandbox, WorksWhileOtherThreadsAreInsideHdf5) {
  const std::string path = ::testing::TempDir() + "/sandbox-" + std::to_string(::getpid()) + ".h5";
  Hdf5File file = Hdf5File::Create(path);
  file.WriteDataset("/values", std::vector<int64_t>(1000, 7));
  file.Close();
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!done) Hdf5File::OpenReadOnly(path).ReadDataset<int64_t>("/values");
    });
  }
  for (int round = 0; round < 50; ++round) {
    EXPECT_NO_THROW(Confine([&] { Hdf5File::OpenReadOnly(path).ReadDataset<int64_t>("/values"); }));
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  std::filesystem::remove(path);
}

TEST(Sandbox, LeavesNoProcessAndNoDescriptorBehind) {
  const auto descriptor_count = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  Confine([] {});
  const auto before = descriptor_count();
  for (int round = 0; round < 10; ++round) {
    Confine([] {});
    EXPECT_THROW(Confine([] { ::raise(SIGKILL); }), DataError);
  }
  EXPECT_EQ(descriptor_count(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace hearth

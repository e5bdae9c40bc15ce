// Each watchdog runs in its own process and ends that process.

#include "cluster/watchdog.h"

#include <csignal>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr Phase kReduce = {.name = "reduce"};
constexpr HangLimits kShort = {.usual_sec = 0.2, .patient_sec = 0.2};

struct Ended {
  int code = -1;
  std::string said;
};

/// Runs `body` in a new process; `say` sends a line to this process.
Ended InProcess(
    const std::function<void(const std::function<void(const std::string&)>& say)>& body) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    body([&ends](const std::string& line) {
      if (::write(ends[1], line.data(), line.size()) != std::ssize(line)) ::_exit(1);
    });
    ::_exit(0);
  }
  ::close(ends[1]);
  Ended ended;
  char letter = 0;
  while (::read(ends[0], &letter, 1) == 1) ended.said += letter;  // to the end of every descendant
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

[[noreturn]] void HangForEver() {
  while (true) ::pause();
}

TEST(Watchdog, EndsAProcessThatMakesNoProgress) {
  const Ended ended = InProcess([](const auto& say) {
    const Watchdog watchdog({.limits = kShort}, [&](const std::string& problem) {
      say(problem);
      ::_exit(69);
    });
    EnterStep(4);
    EnterPhase(kReduce);
    const CollectiveMark mark("AllReduce");
    HangForEver();
  });
  EXPECT_EQ(ended.code, 69);
  EXPECT_THAT(ended.said,
              AllOf(HasSubstr("phase reduce of step 5"), HasSubstr("in AllReduce (collective ")));
}

TEST(Watchdog, LetsAProcessThatMovesComeToItsEnd) {
  const Ended ended = InProcess([](const auto& say) {
    {
      const Watchdog watchdog({.limits = {.usual_sec = 1e6, .patient_sec = 1e6}}, say);
      EnterStep(1);
    }
    ::_exit(3);
  });
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(ended.said, "");
}

TEST(Watchdog, EndsTheProcessEvenWhenTheReportHangs) {
  const Ended ended = InProcess([](const auto&) {
    const Watchdog watchdog({.limits = kShort}, [](const std::string&) { HangForEver(); });
    EnterStep(4);
    HangForEver();
  });
  EXPECT_EQ(ended.code, static_cast<int>(ExitCode::kComm));
}

TEST(Watchdog, EndsAProcessWhoseLauncherIsKilled) {
  const Ended ended = InProcess([](const auto& say) {
    if (::fork() == 0) {
      const Watchdog watchdog({.limits = kShort, .launcher = ::getppid()},
                              [&](const std::string& problem) {
                                say(problem);
                                ::_exit(69);
                              });
      ::kill(::getppid(), SIGKILL);
      HangForEver();
    }
    HangForEver();
  });
  EXPECT_EQ(ended.code, 128 + SIGKILL);
  EXPECT_THAT(ended.said, HasSubstr("that started this rank is gone"));
}

TEST(EndProcessSoon, EndsWithTheGivenCodeWhateverHangs) {
  const Ended ended = InProcess([](const auto&) {
    EndProcessSoon(74);
    HangForEver();
  });
  EXPECT_EQ(ended.code, 74);
}

}  // namespace
}  // namespace hearth

#include "launch/command/programs.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"

namespace hearth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Property;
using ::testing::ThrowsMessage;

TEST(OutputOfProgram, HandsOverInputOfAnySize) {
  const std::string large(300000, 'x');
  EXPECT_EQ(OutputOfProgram({"cat"}, large, ""), large);
  EXPECT_EQ(OutputOfProgram({"sh", "-c", "echo 12"}, large, ""),
            "12\n");  // the shell leaves it unread
}

TEST(OutputOfProgram, RefusesAProgramThatFails) {
  EXPECT_THAT(
      [] {
        OutputOfProgram({"sh", "-c", "exit 3"}, "", "");
      },
      ThrowsMessage<UsageError>(HasSubstr("sh failed with exit code 3")));
}

TEST(OutputOfProgram, NamesAProgramThatIsMissing) {
  EXPECT_THAT([] { OutputOfProgram({"no-such-program"}, "", "install it"); },
              ThrowsMessage<UsageError>(
                  AllOf(HasSubstr("cannot start no-such-program"), HasSubstr("install it"))));
}

// Runs a shell in place of mpirun, and in a process of its own, whose mask of signals may change.
int CodeOfMpirun(const std::string& script) {
  const pid_t child = fork();
  if (child == 0) std::_Exit(RunMpirun({"sh", "-c", script}, ""));
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(RunMpirun, ReturnsItsCode) {
  EXPECT_EQ(CodeOfMpirun("exit 75"), 75);
  EXPECT_EQ(CodeOfMpirun("kill -KILL $$"), 137);
}

TEST(RunMpirun, TurnsAFirstTermOrIntIntoUsr2AndPassesASecondOn) {
  for (const std::string signal : {"TERM", "INT"}) {
    EXPECT_EQ(CodeOfMpirun("trap 'exit 12' USR2; trap 'exit 15' TERM INT; kill -" + signal +
                           " $PPID; while :; do sleep 0.05; done"),
              12);
    EXPECT_EQ(CodeOfMpirun("trap 'kill -" + signal + " $PPID' USR2; trap 'exit 15' TERM; kill -" +
                           signal + " $PPID; while :; do sleep 0.05; done"),
              15);
  }
}

TEST(RunMpirun, ReadsNothingFromTheTerminal) { EXPECT_EQ(CodeOfMpirun("! read -r line"), 0); }

}  // namespace
}  // namespace hearth

#include "launch/command/job.h"

#include <csignal>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <system_error>

#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "launch/command/stop_signals.h"
#include "launch/config/place.h"

namespace hearth {
namespace {

using ::testing::HasSubstr;

template <typename Thrown>
Failure FailureOfThrown(const Thrown& thrown) {
  return FailureOf(std::make_exception_ptr(thrown));
}

TEST(FailureOf, KeepsCodeAndMessageOfOurErrors) {
  const Failure failure = FailureOfThrown(StorageError("disk full"));
  EXPECT_EQ(failure.code, 74);
  EXPECT_EQ(failure.message, "hearth: error: disk full");
}

TEST(FailureOf, PlacedErrorsStartWithTheirPlace) {
  const Failure failure = FailureOfThrown(PlacedConfigError("a.yaml:1:2: error: x"));
  EXPECT_EQ(failure.code, 78);
  EXPECT_EQ(failure.message, "a.yaml:1:2: error: x");
}

TEST(FailureOf, MemoryHasAHint) {
  EXPECT_THAT(FailureOfThrown(std::bad_alloc()).message, HasSubstr("lower tasks.per_step"));
  EXPECT_EQ(FailureOfThrown(std::bad_alloc()).code, 70);
  const c10::Error full({__func__, __FILE__, __LINE__},
                        "DefaultCPUAllocator: can't allocate memory");
  EXPECT_THAT(FailureOfThrown(full).message, HasSubstr("lower tasks.per_step"));
}

TEST(FailureOf, FileSystemErrorsNameThePath) {
  const auto failure_of = [](std::errc code) {
    return FailureOfThrown(
        std::filesystem::filesystem_error("status", "/data/log", std::make_error_code(code)));
  };
  EXPECT_EQ(failure_of(std::errc::permission_denied).code, 77);
  EXPECT_THAT(failure_of(std::errc::permission_denied).message,
              HasSubstr("cannot access '/data/log': Permission denied (as uid "));
  EXPECT_EQ(failure_of(std::errc::io_error).code, 74);
}

TEST(FailureOf, EverythingElseIsInternal) {
  EXPECT_EQ(FailureOfThrown(std::runtime_error("x")).code, 70);
  EXPECT_EQ(FailureOfThrown(std::runtime_error("x")).message, "hearth: error: internal: x");
  EXPECT_EQ(FailureOfThrown(7).message, "hearth: error: internal: unknown exception");
  const c10::Error shape({__func__, __FILE__, __LINE__}, "sizes do not match");
  EXPECT_THAT(FailureOfThrown(shape).message, HasSubstr("internal: LibTorch: sizes do not match"));
}

TEST(StopSignals, AskForAStopInsteadOfEndingTheProcess) {
  EXPECT_EXIT(
      {
        const std::atomic<bool>& stop = CatchStopSignals();
        if (stop.load()) _exit(1);
        raise(SIGUSR2);
        _exit(stop.load() ? 0 : 2);
      },
      ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(
      {
        CatchStopSignals();
        raise(SIGTERM);
        raise(SIGINT);
        raise(SIGINT);  // the second one ends the process
      },
      ::testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace hearth

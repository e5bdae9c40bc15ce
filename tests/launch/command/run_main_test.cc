#include "launch/command/run_main.h"

#include <exception>
#include <new>

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(RunMain, AnExceptionThatMeetsAnotherEndsTheProcessWithAMessage) {
  struct NeedsMemoryToEnd {
    ~NeedsMemoryToEnd() noexcept(false) { throw std::bad_alloc(); }
  };
  EXPECT_EXIT(
      {
        std::set_terminate(&EndByTerminate);
        const NeedsMemoryToEnd object;
        throw std::bad_alloc();
      },
      ::testing::ExitedWithCode(70), "hearth: error: .*memory ran out.*start again");
}

}  // namespace
}  // namespace hearth

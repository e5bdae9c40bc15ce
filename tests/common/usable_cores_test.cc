#include "common/usable_cores.h"

#include <thread>

#include <gtest/gtest.h>
#include <sched.h>

namespace hearth {
namespace {

TEST(UsableCores, AreThoseTheThreadIsBoundTo) {
  cpu_set_t all;
  ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
  EXPECT_EQ(UsableCores(), CPU_COUNT(&all));
  int core = 0;
  while (!CPU_ISSET(core, &all)) ++core;
  // The binding of this thread ends with it.
  std::thread([core] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    EXPECT_EQ(UsableCores(), 1);
    EXPECT_EQ(BackgroundLaunch(), std::launch::deferred);
  }).join();
  EXPECT_EQ(BackgroundLaunch(), CPU_COUNT(&all) > 1 ? std::launch::async : std::launch::deferred);
}

}  // namespace
}  // namespace hearth

#include "common/worker_threads.h"

#include <atomic>
#include <set>
#include <stdexcept>

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(WorkerThreads, DoesEveryItemOnceJobAfterJob) {
  for (const int count : {1, 2, 5}) {
    WorkerThreads threads(count);
    for (const int64_t items : {0, 1, 3, 1000}) {
      std::vector<std::atomic<int>> times(items);
      threads.Run(items, [&](int64_t i) { ++times[i]; });
      for (const std::atomic<int>& done : times) EXPECT_EQ(done, 1);
    }
  }
}

TEST(WorkerThreads, StartsEachNewThreadWithTheGivenCall) {
  std::atomic<int> started = 0;
  {
    const WorkerThreads threads(4, [&] { ++started; });
  }
  EXPECT_EQ(started, 3);  // the calling thread does not count
}

TEST(WorkerThreads, ThrowsTheFirstErrorAndGoesOnWithTheNextJob) {
  WorkerThreads threads(3);
  std::atomic<int> done = 0;
  EXPECT_THROW(threads.Run(1000,
                           [&](int64_t i) {
                             if (i == 7) throw std::runtime_error("item 7");
                             ++done;
                           }),
               std::runtime_error);
  EXPECT_LT(done, 1000);
  done = 0;
  threads.Run(10, [&](int64_t) { ++done; });
  EXPECT_EQ(done, 10);
}

}  // namespace
}  // namespace hearth

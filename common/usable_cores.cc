#include "common/usable_cores.h"

#include <algorithm>
#include <thread>

#include <sched.h>

namespace hearth {

int UsableCores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
    return std::max(1, CPU_COUNT(&allowed));
  }
  const int cores = std::thread::hardware_concurrency();
  return std::max(1, cores);
}

std::launch BackgroundLaunch() {
  return UsableCores() > 1 ? std::launch::async : std::launch::deferred;
}

}  // namespace hearth

#include "common/usable_cores.h"

#include <algorithm>
#include <thread>

#include <sched.h>

namespace hearth {

int UsableCores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const bool known = sched_getaffinity(0, sizeof(allowed), &allowed) == 0;
  return std::max(
      1, known ? CPU_COUNT(&allowed) : static_cast<int>(std::thread::hardware_concurrency()));
}

std::launch BesideTheCaller() {
  return UsableCores() > 1 ? std::launch::async : std::launch::deferred;
}

}  // namespace hearth

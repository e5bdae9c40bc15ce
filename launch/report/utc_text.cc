#include "launch/report/utc_text.h"

#include <ctime>

#include <fmt/chrono.h>

namespace hearth {

std::string UtcText(int64_t time_sec) {
  constexpr int64_t kFirstSecond = -62'135'596'800;  // 0001-01-01 00:00:00
  constexpr int64_t kLastSecond = 253'402'300'799;   // 9999-12-31 23:59:59
  if (time_sec < kFirstSecond || time_sec > kLastSecond) return fmt::format("{}", time_sec);
  return fmt::format("{:%Y-%m-%d %H:%M}", fmt::gmtime(static_cast<std::time_t>(time_sec)));
}

}  // namespace hearth

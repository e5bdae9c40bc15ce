#pragma once

#include <chrono>

namespace hearth {

/// Adds the seconds of its life to a sum.
class Stopwatch {
 public:
  explicit Stopwatch(double* sum_sec) : sum_sec_(sum_sec) {}
  ~Stopwatch() { *sum_sec_ += std::chrono::duration<double>(Clock::now() - begin_).count(); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  double* sum_sec_;
  Clock::time_point begin_ = Clock::now();
};

}  // namespace hearth

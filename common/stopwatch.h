#pragma once

#include "common/clock.h"

namespace hearth {

/// Adds the seconds of its own lifetime to a sum.
class Stopwatch {
 public:
  explicit Stopwatch(double* sum_sec) : sum_sec_(sum_sec) {}
  ~Stopwatch() { *sum_sec_ += SteadyNowSec() - begin_sec_; }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double* sum_sec_;
  double begin_sec_ = SteadyNowSec();
};

}  // namespace hearth

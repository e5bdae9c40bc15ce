#pragma once

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/clock.h"

namespace hearth {

/// One entry of a comparison. `run` does one unit of work, which has `items` items.
struct TimedWork {
  std::string name;
  double items = 1.0;
  std::function<void()> run;
};

/// Times entries in turn, A B A B ... The first round does not count; then follow `rounds` rounds.
/// Each entry runs for at least `round_sec` in a round. Ratios are formed within a round, so they
/// stay right on a machine with drifting speed.
class InterleavedRounds {
 public:
  InterleavedRounds(int rounds, double round_sec) : rounds_(rounds), round_sec_(round_sec) {}

  void Run(const std::vector<TimedWork>& entries) {
    rates_.assign(entries.size(), {});
    for (int round = -1; round < rounds_; ++round) {
      for (size_t c = 0; c < entries.size(); ++c) {
        const double rate = RateOf(entries[c]);
        if (round >= 0) rates_[c].push_back(rate);
      }
    }
  }

  /// Returns the median items per second of an entry.
  double Rate(size_t entry) const { return Median(rates_[entry]); }
  /// Returns the rate of `a` divided by the rate of `b`, for each round.
  std::vector<double> Ratios(size_t a, size_t b) const {
    std::vector<double> ratios;
    for (size_t r = 0; r < rates_[a].size(); ++r) ratios.push_back(rates_[a][r] / rates_[b][r]);
    return ratios;
  }

  /// Returns {"median": m, "min": l, "max": h} of Ratios.
  nlohmann::json RatioJson(size_t a, size_t b) const {
    const std::vector<double> ratios = Ratios(a, b);
    return {{"median", Median(ratios)},
            {"min", *std::min_element(ratios.begin(), ratios.end())},
            {"max", *std::max_element(ratios.begin(), ratios.end())}};
  }

  static double Median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
  }

 private:
  double RateOf(const TimedWork& work) const {
    const double begin = SteadyNowSec();
    double done = 0.0, seconds = 0.0;
    while (seconds < round_sec_) {
      work.run();
      done += work.items;
      seconds = SteadyNowSec() - begin;
    }
    return done / seconds;
  }

  int rounds_;
  double round_sec_;
  std::vector<std::vector<double>> rates_;  // [entry][round]
};

}  // namespace hearth

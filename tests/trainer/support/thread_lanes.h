#pragma once

#include <barrier>
#include <memory>
#include <thread>
#include <vector>

namespace hearth {

/// The lanes of a DeviceTeam as threads of the host, `kNeighbours` to a neighbourhood.
class ThreadLanes {
 public:
  static constexpr int kNeighbours = 2;

  int index() const { return lane_; }
  int count() const { return static_cast<int>(meeting_->terms.size()); }
  void Barrier() const { meeting_->barrier.arrive_and_wait(); }
  double Sum(double x) const { return SumOf(x, 0, count()); }
  double NeighbourSum(double x) const {
    const int first = lane_ / kNeighbours * kNeighbours;
    return SumOf(x, first, first + kNeighbours);
  }

  /// Calls body(lanes) on `count` threads at once; returns when all have.
  template <typename Body>
  static void Run(int count, const Body& body) {
    Meeting meeting{std::barrier<>(count), std::vector<double>(static_cast<size_t>(count))};
    std::vector<std::jthread> threads;
    for (int lane = 0; lane < count; ++lane) {
      threads.emplace_back([&, lane] { body(ThreadLanes(lane, &meeting)); });
    }
  }

 private:
  struct Meeting {
    std::barrier<> barrier;
    std::vector<double> terms;  // [lane]
  };
  ThreadLanes(int lane, Meeting* meeting) : lane_(lane), meeting_(meeting) {}

  double SumOf(double x, int begin, int end) const {
    meeting_->terms[static_cast<size_t>(lane_)] = x;
    Barrier();
    double sum = 0.0;
    for (int lane = begin; lane < end; ++lane) sum += meeting_->terms[static_cast<size_t>(lane)];
    Barrier();
    return sum;
  }

  int lane_;
  Meeting* meeting_;
};

}  // namespace hearth

#pragma once

#include <barrier>
#include <memory>
#include <thread>
#include <vector>

namespace hearth {

/// Threads of the host that play the lanes of a DeviceMath. `kNeighbours` lanes form a
/// neighbourhood.
class ThreadLanes {
 public:
  static constexpr int kNeighbours = 2;

  int index() const { return lane_; }
  int count() const { return shared_->count; }
  void Barrier() const { shared_->barrier.arrive_and_wait(); }
  double Sum(double x) const { return SumOf(x, 0, count()); }
  double NeighbourSum(double x) const {
    const int first = lane_ / kNeighbours * kNeighbours;
    return SumOf(x, first, first + kNeighbours);
  }

  /// Calls body(lanes) on `count` threads at once; returns when all threads have returned.
  template <typename Body>
  static void Run(int count, const Body& body) {
    SharedState shared{count, std::barrier<>(count), std::vector<double>(count)};
    std::vector<std::jthread> threads;
    for (int lane = 0; lane < count; ++lane) {
      threads.emplace_back([&, lane] { body(ThreadLanes(lane, &shared)); });
    }
  }

 private:
  struct SharedState {
    int count;
    std::barrier<> barrier;
    std::vector<double> terms;  // [lane]
  };
  ThreadLanes(int lane, SharedState* shared) : lane_(lane), shared_(shared) {}

  double SumOf(double x, int begin, int end) const {
    shared_->terms[lane_] = x;
    Barrier();
    double sum = 0.0;
    for (int lane = begin; lane < end; ++lane) sum += shared_->terms[lane];
    Barrier();
    return sum;
  }

  int lane_;
  SharedState* shared_;
};

}  // namespace hearth

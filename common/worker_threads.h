#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hearth {

/// A few threads that share the items of one job after another. They live as long as the object, so
/// what a thread keeps for itself (thread_local) is kept from job to job.
class WorkerThreads {
 public:
  /// `count` >= 1, the calling thread included. `on_start` runs first in each new thread.
  explicit WorkerThreads(int count, const std::function<void()>& on_start = {});
  ~WorkerThreads();
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;

  int count() const { return static_cast<int>(threads_.size()) + 1; }

  /// Calls work(i) for every 0 <= i < item_count, each once, in no particular order and thread, and
  /// returns when all are done. The first exception is thrown here; items not begun are left out.
  void Run(int64_t item_count, const std::function<void(int64_t)>& work);

 private:
  void Loop();
  void TakeItems(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(int64_t)>* work_ = nullptr;  // of the job that runs
  int64_t next_item_ = 0, item_count_ = 0;
  int64_t busy_ = 0;  // threads inside work
  std::exception_ptr error_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hearth

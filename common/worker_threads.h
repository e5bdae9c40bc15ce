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
/// their thread_local variables survive from job to job.
class WorkerThreads {
 public:
  /// `count` >= 1 includes the calling thread. `on_start` runs first in each new thread.
  explicit WorkerThreads(int count, const std::function<void()>& on_start = {});
  ~WorkerThreads();
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;

  int count() const { return count_; }

  /// Calls work(i) once for every 0 <= i < item_count, in no particular order and thread, and
  /// returns when all are done. After an exception the items not begun are left out, and Run throws
  /// the first exception.
  void Run(int64_t item_count, const std::function<void(int64_t)>& work);

 private:
  void Loop();
  void TakeItems(std::unique_lock<std::mutex>& lock);

  const int count_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(int64_t)>* work_ = nullptr;  // work of the running job
  int64_t next_item_ = 0, item_count_ = 0;
  int64_t busy_ = 0;  // threads inside work
  std::exception_ptr error_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hearth

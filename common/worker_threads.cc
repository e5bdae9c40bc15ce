#include "common/worker_threads.h"

#include <utility>

#include "common/error.h"

namespace hearth {

WorkerThreads::WorkerThreads(int count, const std::function<void()>& on_start) : count_(count) {
  HEARTH_CHECK(count >= 1, "{} threads", count);
  for (int i = 1; i < count; ++i) {
    threads_.emplace_back([this, on_start] {
      if (on_start) on_start();
      Loop();
    });
  }
}

WorkerThreads::~WorkerThreads() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerThreads::Run(int64_t item_count, const std::function<void(int64_t)>& work) {
  std::unique_lock lock(mutex_);
  work_ = &work;
  next_item_ = 0;
  item_count_ = item_count;
  wake_.notify_all();
  TakeItems(lock);
  done_.wait(lock, [this] { return busy_ == 0; });
  work_ = nullptr;
  item_count_ = 0;
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void WorkerThreads::Loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stop_ || next_item_ < item_count_; });
    if (stop_) return;
    TakeItems(lock);
    done_.notify_one();
  }
}

void WorkerThreads::TakeItems(std::unique_lock<std::mutex>& lock) {
  while (next_item_ < item_count_) {
    const int64_t item = next_item_++;
    ++busy_;
    lock.unlock();
    std::exception_ptr error;
    try {
      (*work_)(item);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    --busy_;
    if (!error) continue;
    if (!error_) error_ = error;
    item_count_ = next_item_;
  }
}

}  // namespace hearth

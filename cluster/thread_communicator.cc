#include "cluster/thread_communicator.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include "common/error.h"

namespace hearth {

/// A collective has three stages. Every rank posts its call and all meet; all work on each other's
/// buffers; all meet again, so that no rank leaves while another still reads its buffers. No caller
/// code runs between the two meetings, so the first may fail but the second always ends.
class ThreadGroup {
 public:
  /// The call that one rank posts.
  struct Call {
    std::string text;                           ///< equal on all ranks, or the call is refused
    uint8_t* data = nullptr;                    ///< written by AllReduce and Broadcast
    std::span<const uint8_t> source = {};       ///< read by AllGather and AllToAll
    std::span<const int64_t> sizes_bytes = {};  ///< [rank], AllToAll
  };

  ThreadGroup(int world_size, const CommunicatorOptions& options)
      : options_(options), calls_(world_size) {
    HEARTH_CHECK(world_size >= 1, "{} ranks", world_size);
  }

  int world_size() const { return static_cast<int>(calls_.size()); }
  const Call& call(int rank) const { return calls_[rank]; }

  void Enter(int rank, Call call) {
    std::unique_lock lock(mutex_);
    if (!failure_.empty()) throw CommError("{}: rank {}: {}", call.text, rank, failure_);
    Call& own = calls_[rank];
    own = std::move(call);
    if (Arrive()) return;
    const auto limit = std::chrono::duration<double>(options_.deadline_sec);
    const auto meeting = meeting_;
    const auto met = [&] { return meeting != meeting_; };
    changed_.wait_for(lock, limit, [&] { return met() || !failure_.empty(); });
    if (met()) return;
    if (failure_.empty()) {
      failure_ = fmt::format("rank {} waited {} s in {}", rank, options_.deadline_sec, own.text);
      changed_.notify_all();
      throw CommError("{}: rank {} of {} waited {} s for the others", own.text, rank, world_size(),
                      options_.deadline_sec);
    }
    throw CommError("{}: rank {}: {}", own.text, rank, failure_);
  }

  void Leave() {
    std::unique_lock lock(mutex_);
    if (Arrive()) return;
    changed_.wait(lock, [this, meeting = meeting_] { return meeting != meeting_; });
  }

  /// Makes every further collective of every rank fail.
  void Fail(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    if (failure_.empty()) failure_ = reason;
    changed_.notify_all();
  }

 private:
  // Returns true for the last rank to arrive. The caller holds the lock.
  bool Arrive() {
    if (++arrived_ < world_size()) return false;
    arrived_ = 0;
    ++meeting_;
    changed_.notify_all();
    return true;
  }

  const CommunicatorOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Call> calls_;  // [rank]
  std::string failure_;
  int arrived_ = 0;
  uint64_t meeting_ = 0;
};

namespace {

// Lives from the first to the second meeting of a collective.
class Meeting {
 public:
  Meeting(ThreadGroup& group, int rank, ThreadGroup::Call call) : group_(group) {
    group_.Enter(rank, std::move(call));
  }
  ~Meeting() { group_.Leave(); }
  Meeting(const Meeting&) = delete;
  Meeting& operator=(const Meeting&) = delete;

  void RequireSameCalls() const {
    for (int rank = 1; rank < group_.world_size(); ++rank) {
      if (group_.call(rank).text == group_.call(0).text) continue;
      throw CommError("ranks disagree on the operation: rank 0 called {}, rank {} called {}",
                      group_.call(0).text, rank, group_.call(rank).text);
    }
  }

 private:
  ThreadGroup& group_;
};

template <typename T>
T Combine(T a, T b, ReduceOp op) {
  if (op == ReduceOp::kMin) return std::min(a, b);
  if (op == ReduceOp::kMax) return std::max(a, b);
  return static_cast<T>(a + b);
}

// Reduces this rank's slice and writes the result to the buffers of all ranks.
template <typename T>
void ReduceSlice(const ThreadGroup& group, int rank, int64_t count, ReduceOp op) {
  const int world_size = group.world_size();
  const int64_t begin = count * rank / world_size, end = count * (rank + 1) / world_size;
  const auto buffer = [&](int r) { return reinterpret_cast<T*>(group.call(r).data); };
  for (int64_t i = begin; i < end; ++i) {
    T value = buffer(0)[i];
    for (int r = 1; r < world_size; ++r) value = Combine(value, buffer(r)[i], op);
    for (int r = 0; r < world_size; ++r) buffer(r)[i] = value;
  }
}

}  // namespace

ThreadCommunicator::ThreadCommunicator(std::shared_ptr<ThreadGroup> group, int rank)
    : group_(std::move(group)), rank_(rank) {
  HEARTH_CHECK(rank >= 0 && rank < group_->world_size());
}

int ThreadCommunicator::world_size() const { return group_->world_size(); }

void ThreadCommunicator::Barrier() {
  const Meeting meeting(*group_, rank_, {.text = "Barrier"});
  meeting.RequireSameCalls();
}

void ThreadCommunicator::AllReduceElements(void* data, int64_t count, ElementType type,
                                           ReduceOp op) {
  const Meeting meeting(
      *group_, rank_,
      {.text = fmt::format("AllReduce({} of {} {})", NameOf(op), count, NameOf(type)),
       .data = static_cast<uint8_t*>(data)});
  meeting.RequireSameCalls();
  switch (type) {
    case ElementType::kFloat32:
      return ReduceSlice<float>(*group_, rank_, count, op);
    case ElementType::kFloat64:
      return ReduceSlice<double>(*group_, rank_, count, op);
    case ElementType::kInt32:
      return ReduceSlice<int32_t>(*group_, rank_, count, op);
    case ElementType::kInt64:
      return ReduceSlice<int64_t>(*group_, rank_, count, op);
    case ElementType::kUint8:
      return ReduceSlice<uint8_t>(*group_, rank_, count, op);
  }
}

void ThreadCommunicator::BroadcastBytes(std::span<uint8_t> data, int root) {
  HEARTH_CHECK(root >= 0 && root < world_size(), "root {} of {} ranks", root, world_size());
  const Meeting meeting(*group_, rank_,
                        {.text = fmt::format("Broadcast({} bytes from rank {})", data.size(), root),
                         .data = data.data()});
  meeting.RequireSameCalls();
  if (rank_ != root) std::copy_n(group_->call(root).data, data.size(), data.data());
}

std::vector<int64_t> ThreadCommunicator::AllGatherBytes(std::span<const uint8_t> data,
                                                        const Allocate& allocate) {
  const Meeting meeting(*group_, rank_, {.text = "AllGather", .source = data});
  meeting.RequireSameCalls();
  std::vector<int64_t> sizes;
  for (int r = 0; r < world_size(); ++r) sizes.push_back(std::ssize(group_->call(r).source));
  uint8_t* out = allocate(std::reduce(sizes.begin(), sizes.end()));
  for (int r = 0; r < world_size(); ++r) {
    const std::span<const uint8_t> source = group_->call(r).source;
    out = std::copy_n(source.data(), source.size(), out);
  }
  return sizes;
}

std::vector<int64_t> ThreadCommunicator::AllToAllBytes(std::span<const uint8_t> send,
                                                       std::span<const int64_t> send_sizes_bytes,
                                                       const Allocate& allocate) {
  HEARTH_CHECK(std::ssize(send_sizes_bytes) == world_size());
  HEARTH_CHECK(std::reduce(send_sizes_bytes.begin(), send_sizes_bytes.end()) == std::ssize(send));
  const Meeting meeting(*group_, rank_,
                        {.text = "AllToAll", .source = send, .sizes_bytes = send_sizes_bytes});
  meeting.RequireSameCalls();
  std::vector<int64_t> sizes;
  for (int r = 0; r < world_size(); ++r) sizes.push_back(group_->call(r).sizes_bytes[rank_]);
  uint8_t* out = allocate(std::reduce(sizes.begin(), sizes.end()));
  for (int r = 0; r < world_size(); ++r) {
    const std::span<const int64_t> sent = group_->call(r).sizes_bytes.first(rank_ + 1);
    const int64_t begin = std::reduce(sent.begin(), sent.end() - 1);
    out = std::copy_n(group_->call(r).source.data() + begin, sent.back(), out);
  }
  return sizes;
}

void RunOnThreads(int world_size, const std::function<void(Communicator&)>& body,
                  const CommunicatorOptions& options) {
  const auto group = std::make_shared<ThreadGroup>(world_size, options);
  std::mutex mutex;
  std::exception_ptr first;
  const auto fail = [&](int rank, std::string_view what) {
    const std::lock_guard lock(mutex);
    if (!first) first = std::current_exception();
    group->Fail(fmt::format("rank {} failed: {}", rank, what));
  };
  const auto run = [&](int rank) {
    ThreadCommunicator communicator(group, rank);
    try {
      body(communicator);
    } catch (const std::exception& error) {
      fail(rank, error.what());
    } catch (...) {
      fail(rank, "unknown exception");
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < world_size; ++rank) threads.emplace_back(run, rank);
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace hearth

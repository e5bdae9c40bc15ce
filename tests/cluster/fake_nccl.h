#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/nccl_api.h"
#include "cluster/poll_wait.h"

namespace hearth {

struct NcclApi::Comm {
  bool finalized = false;
};

namespace testing {

/// The calls that one rank's fake received. The record outlives the fake.
struct NcclLedger {
  int64_t comms_made = 0, comms_destroyed = 0, comms_aborted = 0;
  int64_t blocks_made = 0, blocks_freed = 0;  ///< device and pinned memory
  int64_t copies = 0, waits_for_default_stream = 0;
  int64_t groups_open = 0;
  int64_t longest_block_bytes = 0;
};

/// The behaviour of one rank's NCCL and device.
struct NcclBehaviour {
  std::string uuid = "GPU-own";
  int polls_to_join = 0;    ///< InitRank stays in progress this often, then waits for the others
  int polls_to_launch = 0;  ///< an operation stays in progress this often before it is queued
  bool never_joins = false, never_launches = false, never_parts = false;
  bool device_is_stuck = false;  ///< nothing on the stream ever ends,
  bool abort_helps = true;       ///< unless aborted
  // Texts of failures; empty: none.
  std::string uuid_failure = {}, id_failure = {}, init_failure = {}, launch_failure = {},
              async_failure = {}, copy_failure = {}, stream_failure = {}, memory_failure = {};
};

/// Connects the fakes of all ranks.
class FakeFabric {
 public:
  explicit FakeFabric(int world_size) : world_size_(world_size) {}

  int world_size() const { return world_size_; }
  bool Join() {
    const std::lock_guard lock(mutex_);
    return ++joined_ == world_size_;
  }
  bool HaveAllJoined() const {
    const std::lock_guard lock(mutex_);
    return joined_ == world_size_;
  }

  /// Brings this rank's data to the collective with this number.
  void Bring(int64_t number, int rank, const std::string& what, std::vector<uint8_t> data) {
    const std::lock_guard lock(mutex_);
    Meeting& meeting = meetings_[number];
    if (meeting.parts.empty()) {
      meeting.parts.resize(world_size_);
      meeting.what = what;
    }
    EXPECT_EQ(meeting.what, what) << "ranks launched different operations";
    meeting.parts[rank] = std::move(data);
    ++meeting.arrived;
  }
  /// Returns the data of all ranks, in rank order, once all have brought theirs.
  const std::vector<std::vector<uint8_t>>* PartsOf(int64_t number) {
    const std::lock_guard lock(mutex_);
    const Meeting& meeting = meetings_[number];
    return meeting.arrived == world_size_ ? &meeting.parts : nullptr;
  }

  void Post(int from, int to, std::vector<uint8_t> message) {
    const std::lock_guard lock(mutex_);
    mailboxes_[{from, to}].push_back(std::move(message));
  }
  bool Take(int from, int to, std::vector<uint8_t>* message) {
    const std::lock_guard lock(mutex_);
    auto& mailbox = mailboxes_[{from, to}];
    if (mailbox.empty()) return false;
    *message = std::move(mailbox.front());
    mailbox.pop_front();
    return true;
  }

 private:
  struct Meeting {
    std::vector<std::vector<uint8_t>> parts;  // [rank]
    std::string what;
    int arrived = 0;
  };

  const int world_size_;
  mutable std::mutex mutex_;
  int joined_ = 0;
  std::map<int64_t, Meeting> meetings_;
  std::map<std::pair<int, int>, std::deque<std::vector<uint8_t>>> mailboxes_;  // (from, to)
};

/// NCCL and a device in host memory: data moves between the ranks of a fabric, and only while the
/// stream is asked if it is done, so that data read too early is wrong. Calls that the real
/// libraries leave undefined fail the test.
class FakeNccl : public NcclApi {
 public:
  FakeNccl(std::shared_ptr<FakeFabric> fabric, int rank, NcclBehaviour behaviour = {})
      : fabric_(std::move(fabric)), rank_(rank), behaviour_(std::move(behaviour)) {}

  std::shared_ptr<const NcclLedger> ledger() const { return ledger_; }
  NcclBehaviour& behaviour() { return behaviour_; }

  NcclStatus GetDeviceUuid(std::string* uuid) override {
    *uuid = behaviour_.uuid;
    return FailedOrDone(behaviour_.uuid_failure);
  }
  NcclStatus GetUniqueId(UniqueId* id) override {
    *id = kId;
    return FailedOrDone(behaviour_.id_failure);
  }

  NcclStatus InitRank(const UniqueId& id, int world_size, int rank, Comm** comm) override {
    EXPECT_EQ(id, kId);
    EXPECT_EQ(world_size, fabric_->world_size());
    EXPECT_EQ(rank, rank_);
    if (!behaviour_.init_failure.empty()) return NcclStatus::Failed(behaviour_.init_failure);
    comm_ = std::make_unique<Comm>();
    *comm = comm_.get();
    ++ledger_->comms_made;
    fabric_->Join();
    pending_polls_ = behaviour_.polls_to_join;
    return NcclStatus::InProgress();
  }

  NcclStatus GetAsyncError(Comm* comm) override {
    ExpectLive(comm);
    if (!behaviour_.async_failure.empty()) return NcclStatus::Failed(behaviour_.async_failure);
    if (comm->finalized) return InProgressIf(behaviour_.never_parts);
    if (behaviour_.never_joins || pending_polls_-- > 0) return NcclStatus::InProgress();
    if (!fabric_->HaveAllJoined()) return NcclStatus::InProgress();
    if (launching_) {
      if (behaviour_.never_launches) return NcclStatus::InProgress();
      stream_.push_back(std::exchange(launching_, nullptr));
    }
    return NcclStatus::Done();
  }

  NcclStatus Finalize(Comm* comm) override {
    ExpectLive(comm);
    comm->finalized = true;
    return NcclStatus::InProgress();
  }
  NcclStatus Destroy(Comm* comm) override {
    ExpectLive(comm);
    EXPECT_TRUE(comm->finalized);
    comm_.reset();
    ++ledger_->comms_destroyed;
    return NcclStatus::Done();
  }
  NcclStatus Abort(Comm* comm) override {
    ExpectLive(comm);
    comm_.reset();
    ++ledger_->comms_aborted;
    launching_ = nullptr;
    stream_.clear();
    if (behaviour_.abort_helps) behaviour_.device_is_stuck = false;
    return NcclStatus::Done();
  }

  NcclStatus AllReduce(void* data, int64_t count, ElementType type, ReduceOp op,
                       Comm* comm) override {
    ExpectLive(comm);
    const int64_t size = count * SizeBytesOf(type);
    const std::string what = fmt::format("{} of {} {}", NameOf(op), count, NameOf(type));
    return Launch(Meet(what, data, size, [=](const std::vector<std::vector<uint8_t>>& parts) {
      std::copy_n(parts[0].data(), size, static_cast<uint8_t*>(data));
      for (size_t r = 1; r < parts.size(); ++r) Combine(data, parts[r].data(), count, type, op);
    }));
  }
  NcclStatus Broadcast(void* data, int64_t size_bytes, int root, Comm* comm) override {
    ExpectLive(comm);
    const std::string what = fmt::format("{} bytes of {}", size_bytes, root);
    return Launch(Meet(what, data, size_bytes, [=](const std::vector<std::vector<uint8_t>>& parts) {
      std::copy_n(parts[root].data(), size_bytes, static_cast<uint8_t*>(data));
    }));
  }

  NcclStatus GroupStart() override {
    EXPECT_EQ(ledger_->groups_open++, 0);
    group_ = std::make_shared<std::vector<Task>>();
    return NcclStatus::Done();
  }
  NcclStatus GroupEnd() override {
    EXPECT_EQ(--ledger_->groups_open, 0);
    return Launch([tasks = group_] {
      std::erase_if(*tasks, [](const Task& task) { return task(); });
      return tasks->empty();
    });
  }
  NcclStatus Send(const void* data, int64_t size_bytes, int peer, Comm* comm) override {
    ExpectInGroup(comm, data, size_bytes);
    group_->push_back([this, peer, size_bytes, from = static_cast<const uint8_t*>(data)] {
      fabric_->Post(rank_, peer, {from, from + size_bytes});
      return true;
    });
    return FailedOrDone(behaviour_.launch_failure);
  }
  NcclStatus Receive(void* data, int64_t size_bytes, int peer, Comm* comm) override {
    ExpectInGroup(comm, data, size_bytes);
    group_->push_back([this, peer, size_bytes, to = static_cast<uint8_t*>(data)] {
      std::vector<uint8_t> message;
      if (!fabric_->Take(peer, rank_, &message)) return false;
      EXPECT_EQ(std::ssize(message), size_bytes) << "from " << peer << " to " << rank_;
      std::copy(message.begin(), message.end(), to);
      return true;
    });
    return NcclStatus::Done();
  }

  NcclStatus Copy(void* to, const void* from, int64_t size_bytes) override {
    EXPECT_TRUE((IsIn(device_, to, size_bytes) && IsIn(pinned_, from, size_bytes)) ||
                (IsIn(pinned_, to, size_bytes) && IsIn(device_, from, size_bytes)));
    EXPECT_EQ(launching_, nullptr) << "queued before the operation it belongs to";
    ++ledger_->copies;
    stream_.push_back([=] {
      std::memcpy(to, from, size_bytes);
      return true;
    });
    return FailedOrDone(behaviour_.copy_failure);
  }
  NcclStatus WaitForDefaultStream() override {
    ++ledger_->waits_for_default_stream;
    return NcclStatus::Done();
  }
  NcclStatus QueryStream() override {
    if (!behaviour_.stream_failure.empty()) return NcclStatus::Failed(behaviour_.stream_failure);
    if (behaviour_.device_is_stuck) return NcclStatus::InProgress();
    while (!stream_.empty() && stream_.front()()) stream_.pop_front();
    return InProgressIf(!stream_.empty());
  }

  bool IsDeviceMemory(const void* pointer) override { return IsIn(device_, pointer, 1); }
  NcclStatus AllocateDevice(int64_t size_bytes, void** memory) override {
    if (!behaviour_.memory_failure.empty()) return NcclStatus::Failed(behaviour_.memory_failure);
    *memory = Allocate(&device_, size_bytes);
    return NcclStatus::Done();
  }
  NcclStatus AllocatePinned(int64_t size_bytes, void** memory) override {
    *memory = Allocate(&pinned_, size_bytes);
    return NcclStatus::Done();
  }
  NcclStatus FreeDevice(void* memory) override { return Free(&device_, memory); }
  NcclStatus FreePinned(void* memory) override { return Free(&pinned_, memory); }

 private:
  using Task = std::function<bool()>;  // works as far as possible; returns true when done
  using Blocks = std::map<const uint8_t*, std::vector<uint8_t>>;
  static constexpr UniqueId kId = {1, 2, 3};

  static NcclStatus FailedOrDone(const std::string& failure) {
    return failure.empty() ? NcclStatus::Done() : NcclStatus::Failed(failure);
  }
  static NcclStatus InProgressIf(bool condition) {
    return condition ? NcclStatus::InProgress() : NcclStatus::Done();
  }

  template <typename T>
  static void CombineAs(void* data, const void* other, int64_t count, ReduceOp op) {
    for (int64_t i = 0; i < count; ++i) {
      T a, b;
      auto* const place = static_cast<uint8_t*>(data) + i * static_cast<int64_t>(sizeof(T));
      std::memcpy(&a, place, sizeof(T));
      std::memcpy(&b, static_cast<const T*>(other) + i, sizeof(T));
      a = op == ReduceOp::kMin   ? std::min(a, b)
          : op == ReduceOp::kMax ? std::max(a, b)
                                 : static_cast<T>(a + b);
      std::memcpy(place, &a, sizeof(T));
    }
  }
  static void Combine(void* data, const void* other, int64_t count, ElementType type, ReduceOp op) {
    switch (type) {
      case ElementType::kFloat32:
        return CombineAs<float>(data, other, count, op);
      case ElementType::kFloat64:
        return CombineAs<double>(data, other, count, op);
      case ElementType::kInt32:
        return CombineAs<int32_t>(data, other, count, op);
      case ElementType::kInt64:
        return CombineAs<int64_t>(data, other, count, op);
      case ElementType::kUint8:
        return CombineAs<uint8_t>(data, other, count, op);
    }
  }

  /// Queues a collective that computes `data` from the data of all ranks.
  template <typename Finish>
  Task Meet(const std::string& what, void* data, int64_t size_bytes, const Finish& finish) {
    EXPECT_TRUE(IsIn(device_, data, size_bytes)) << what;
    return [=, this, number = next_number_++, brought = false]() mutable {
      const auto* bytes = static_cast<const uint8_t*>(data);
      if (!brought) fabric_->Bring(number, rank_, what, {bytes, bytes + size_bytes});
      brought = true;
      const auto* const parts = fabric_->PartsOf(number);
      if (parts != nullptr) finish(*parts);
      return parts != nullptr;
    };
  }

  NcclStatus Launch(Task task) {
    if (!behaviour_.launch_failure.empty()) return NcclStatus::Failed(behaviour_.launch_failure);
    EXPECT_EQ(launching_, nullptr) << "launched before the last operation was on the stream";
    pending_polls_ = behaviour_.polls_to_launch;
    if (pending_polls_ == 0 && !behaviour_.never_launches) {
      stream_.push_back(std::move(task));
      return NcclStatus::Done();
    }
    launching_ = std::move(task);
    return NcclStatus::InProgress();
  }

  void ExpectLive(const Comm* comm) const {
    EXPECT_NE(comm, nullptr);
    EXPECT_EQ(comm, comm_.get()) << "of a group that is gone";
  }
  void ExpectInGroup(const Comm* comm, const void* data, int64_t size_bytes) const {
    ExpectLive(comm);
    EXPECT_EQ(ledger_->groups_open, 1);
    EXPECT_GT(size_bytes, 0);
    EXPECT_TRUE(IsIn(device_, data, size_bytes));
  }

  static bool IsIn(const Blocks& blocks, const void* pointer, int64_t size_bytes) {
    const auto* const begin = static_cast<const uint8_t*>(pointer);
    auto after = blocks.upper_bound(begin);
    if (after == blocks.begin()) return false;
    const auto& [start, block] = *--after;
    return begin + size_bytes <= start + block.size();
  }
  void* Allocate(Blocks* blocks, int64_t size_bytes) {
    std::vector<uint8_t> block(size_bytes, 0xee);
    uint8_t* const memory = block.data();
    blocks->emplace(memory, std::move(block));
    ++ledger_->blocks_made;
    ledger_->longest_block_bytes = std::max(ledger_->longest_block_bytes, size_bytes);
    return memory;
  }
  NcclStatus Free(Blocks* blocks, void* memory) {
    EXPECT_TRUE(stream_.empty()) << "memory that queued work still uses";
    EXPECT_EQ(blocks->erase(static_cast<const uint8_t*>(memory)), 1U);
    ++ledger_->blocks_freed;
    return NcclStatus::Done();
  }

  const std::shared_ptr<FakeFabric> fabric_;
  const int rank_;
  NcclBehaviour behaviour_;
  const std::shared_ptr<NcclLedger> ledger_ = std::make_shared<NcclLedger>();
  std::unique_ptr<Comm> comm_;
  int pending_polls_ = 0;
  int64_t next_number_ = 0;
  std::shared_ptr<std::vector<Task>> group_;
  Task launching_;
  std::deque<Task> stream_;
  Blocks device_, pinned_;
};

/// A clock that moves on by `step_sec` at each look, so that a wait of minutes ends at once.
inline PollClock TickingClock(double step_sec) {
  return {.now_sec = [step_sec, now = std::make_shared<double>()] { return *now += step_sec; },
          .give_way_sec = [](double) {}};
}

}  // namespace testing
}  // namespace hearth

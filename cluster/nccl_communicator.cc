#include "cluster/nccl_communicator.h"

#include <algorithm>
#include <exception>
#include <functional>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>

#include "cluster/nccl_staging.h"
#include "cluster/rank_device.h"
#include "common/error.h"

namespace hearth {
namespace {

constexpr int64_t kAlignmentBytes = 16;  // NCCL's widest load
// The device may take this long to notice that its work was ended.
constexpr double kQuietSec = 5.0;
constexpr const char* kSetUp = "NCCL set-up";

// Asks until `query` is done or failed. A result still in progress means that the wait is over.
NcclStatus PollUntil(PollWait& wait, const std::function<NcclStatus()>& query) {
  while (true) {
    NcclStatus status = query();
    if (!status.in_progress() || !wait.Continue()) return status;
  }
}

int64_t RoundDown(int64_t size_bytes) { return size_bytes / kAlignmentBytes * kAlignmentBytes; }

// The data to send to each rank, or to receive from each rank.
template <typename Byte>
struct Messages {
  std::vector<std::span<Byte>> of_rank;  // [rank]
  bool on_device = false;
};

// The bytes of one message that travel in one round, and their place in the staging memory if the
// message lies in host memory.
template <typename Byte>
struct Fragment {
  int peer = 0;
  std::span<Byte> data;
  int64_t staged_begin = 0;
};

// Returns the next `quota` bytes, from `begin` on, of every message except the message of rank
// `skipped`. Places are assigned from *staged_end on. Neighbours with the same bytes (an AllGather
// has them) share a place.
template <typename Byte>
std::vector<Fragment<Byte>> FragmentsOf(const Messages<Byte>& messages, int64_t begin,
                                        int64_t quota, int skipped, int64_t* staged_end) {
  std::vector<Fragment<Byte>> fragments;
  for (int peer = 0; peer < std::ssize(messages.of_rank); ++peer) {
    const std::span<Byte> message = messages.of_rank[peer];
    if (peer == skipped || std::ssize(message) <= begin) continue;
    const int64_t size = std::min(quota, std::ssize(message) - begin);
    const auto data = message.subspan(begin, size);
    if (!fragments.empty() && fragments.back().data.data() == data.data()) {
      fragments.push_back({peer, data, fragments.back().staged_begin});
      continue;
    }
    fragments.push_back({peer, data, *staged_end});
    if (!messages.on_device) *staged_end += RoundDown(size + kAlignmentBytes - 1);
  }
  return fragments;
}

template <typename Byte>
int64_t LongestMessage(const Messages<Byte>& messages) {
  int64_t longest = 0;
  for (const std::span<Byte> message : messages.of_rank) {
    longest = std::max(longest, std::ssize(message));
  }
  return longest;
}

class NcclCommunicator : public Communicator {
 public:
  NcclCommunicator(std::unique_ptr<Communicator> host, std::unique_ptr<NcclApi> api,
                   const NcclCommunicatorOptions& options)
      : options_(options),
        exceptions_at_start_(std::uncaught_exceptions()),
        host_(std::move(host)),
        api_(std::move(api)),
        staging_(*api_) {
    HEARTH_CHECK(options.staging_bytes >= kAlignmentBytes, "{}", options.staging_bytes);
  }

  // Leaving in agreement needs all ranks, so a rank that leaves because of an error aborts.
  ~NcclCommunicator() override {
    if (std::uncaught_exceptions() > exceptions_at_start_ || !LeaveGroup()) Abort();
    PollWait wait(kQuietSec, *options_.clock);
    if (PollUntil(wait, [&] { return api_->QueryStream(); }).in_progress()) staging_.Abandon();
  }

  void Connect() {
    std::string uuid;
    Require(kSetUp, api_->GetDeviceUuid(&uuid));
    const auto shared = FindSharedDevice(GatherRankDevices(*host_, uuid));
    if (shared) throw CommError(shared->message);
    NcclApi::UniqueId id = {};
    if (is_root()) Require(kSetUp, api_->GetUniqueId(&id));
    host_->Broadcast(std::span(id), /*root=*/0);
    const NcclStatus joined = api_->InitRank(id, world_size(), rank(), &comm_);
    PollWait wait(options_.base.deadline_sec, *options_.clock);
    AwaitLaunch(kSetUp, joined, wait);
  }

  int rank() const override { return host_->rank(); }
  int world_size() const override { return host_->world_size(); }
  std::string name() const override { return "nccl"; }

  void Barrier() override {
    uint8_t token = 0;
    InPlace("Barrier", {&token, 1}, [&](void* data, int64_t count) {
      return api_->AllReduce(data, count, ElementType::kUint8, ReduceOp::kMax, comm_);
    });
  }

 protected:
  void AllReduceElements(void* data, int64_t count, ElementType type, ReduceOp op) override {
    const int64_t element_bytes = SizeBytesOf(type);
    const std::span bytes(static_cast<uint8_t*>(data), count * element_bytes);
    InPlace("AllReduce", bytes, [&](void* block, int64_t size_bytes) {
      return api_->AllReduce(block, size_bytes / element_bytes, type, op, comm_);
    });
  }

  void BroadcastBytes(std::span<uint8_t> data, int root) override {
    HEARTH_CHECK(root >= 0 && root < world_size(), "root {} of {} ranks", root, world_size());
    InPlace("Broadcast", data, [&](void* block, int64_t size_bytes) {
      return api_->Broadcast(block, size_bytes, root, comm_);
    });
  }

  std::vector<int64_t> AllGatherBytes(std::span<const uint8_t> data,
                                      const Allocate& allocate) override {
    const int64_t own_size = std::ssize(data);
    std::vector<int64_t> sizes =
        OverHost("AllGather", [&] { return host_->AllGather<int64_t>(std::span(&own_size, 1)); });
    Exchange("AllGather", {{sizes.size(), data}, api_->IsDeviceMemory(data.data())}, sizes,
             allocate);
    return sizes;
  }

  std::vector<int64_t> AllToAllBytes(std::span<const uint8_t> send,
                                     std::span<const int64_t> send_sizes_bytes,
                                     const Allocate& allocate) override {
    HEARTH_CHECK(std::ssize(send_sizes_bytes) == world_size());
    HEARTH_CHECK(std::reduce(send_sizes_bytes.begin(), send_sizes_bytes.end()) == std::ssize(send));
    const std::vector<int64_t> one_each(send_sizes_bytes.size(), 1);
    std::vector<int64_t> sizes =
        OverHost("AllToAll", [&] { return host_->AllToAll<int64_t>(send_sizes_bytes, one_each); });
    Messages<const uint8_t> sends = {.of_rank = {}, .on_device = api_->IsDeviceMemory(send.data())};
    for (const int64_t size : send_sizes_bytes) {
      sends.of_rank.push_back(send.first(size));
      send = send.subspan(size);
    }
    Exchange("AllToAll", std::move(sends), sizes, allocate);
    return sizes;
  }

 private:
  // Runs `launch` on `data`, in place. Host data passes through the staging memory.
  template <typename Launch>
  void InPlace(const char* operation, std::span<uint8_t> data, const Launch& launch) {
    RequireUsable(operation);
    if (data.empty()) return;
    if (api_->IsDeviceMemory(data.data())) {
      Require(operation, api_->WaitForDefaultStream());
      Await(operation, launch(data.data(), std::ssize(data)), [] { return NcclStatus::Done(); });
      return;
    }
    const int64_t longest = RoundDown(options_.staging_bytes);
    Require(operation, staging_.Reserve(std::min(longest, std::ssize(data))));
    for (int64_t begin = 0; begin < std::ssize(data); begin += longest) {
      const int64_t size = std::min(longest, std::ssize(data) - begin);
      std::copy_n(data.data() + begin, size, staging_.pinned());
      Require(operation, staging_.Upload(0, size));
      Await(operation, launch(staging_.device(), size), [&] { return staging_.Download(0, size); });
      std::copy_n(staging_.pinned(), size, data.data() + begin);
    }
  }

  // Sends sends.of_rank[r] to rank r and receives receive_sizes[r] bytes from it, back to back in
  // rank order. A round moves at most `quota` bytes for a pair of ranks, so that two ranks agree on
  // the lengths of their messages and the staging memory is bounded. Data that stays on a rank goes
  // through NCCL only if one end of it is on the device.
  void Exchange(const char* operation, Messages<const uint8_t> sends,
                const std::vector<int64_t>& receive_sizes, const Allocate& allocate) {
    uint8_t* out = allocate(std::reduce(receive_sizes.begin(), receive_sizes.end()));
    Messages<uint8_t> receives = {.of_rank = {}, .on_device = api_->IsDeviceMemory(out)};
    for (const int64_t size : receive_sizes) {
      receives.of_rank.emplace_back(out, size);
      out += size;
    }
    int skipped = -1;
    if (sends.on_device || receives.on_device) {
      Require(operation, api_->WaitForDefaultStream());
    } else {
      skipped = rank();
      const std::span<const uint8_t> own = sends.of_rank[rank()];
      std::copy_n(own.data(), own.size(), receives.of_rank[rank()].data());
    }
    const int64_t quota =
        std::max(kAlignmentBytes, RoundDown(options_.staging_bytes / world_size()));
    const int64_t longest = std::max(LongestMessage(sends), LongestMessage(receives));
    for (int64_t begin = 0; begin < longest; begin += quota) {
      int64_t staged_end = 0;
      const auto outgoing = FragmentsOf(sends, begin, quota, skipped, &staged_end);
      const int64_t upload_end = staged_end;
      const auto incoming = FragmentsOf(receives, begin, quota, skipped, &staged_end);
      if (outgoing.empty() && incoming.empty()) continue;
      Require(operation, staging_.Reserve(staged_end));
      if (!sends.on_device) StageOutgoing(outgoing);
      Require(operation, staging_.Upload(0, upload_end));
      Await(operation, LaunchRound(outgoing, sends.on_device, incoming, receives.on_device),
            [&] { return staging_.Download(upload_end, staged_end); });
      if (receives.on_device) continue;
      for (const Fragment<uint8_t>& fragment : incoming) {
        std::copy_n(staging_.pinned() + fragment.staged_begin, fragment.data.size(),
                    fragment.data.data());
      }
    }
  }

  void StageOutgoing(const std::vector<Fragment<const uint8_t>>& fragments) {
    int64_t last_begin = -1;
    for (const Fragment<const uint8_t>& fragment : fragments) {
      if (fragment.staged_begin == last_begin) continue;
      last_begin = fragment.staged_begin;
      std::copy_n(fragment.data.data(), fragment.data.size(), staging_.pinned() + last_begin);
    }
  }

  NcclStatus LaunchRound(const std::vector<Fragment<const uint8_t>>& outgoing, bool from_device,
                         const std::vector<Fragment<uint8_t>>& incoming, bool to_device) {
    NcclStatus status = api_->GroupStart();
    if (status.failed()) return status;
    for (const Fragment<const uint8_t>& fragment : outgoing) {
      if (status.failed()) break;
      const uint8_t* data = fragment.data.data();
      if (!from_device) data = staging_.device() + fragment.staged_begin;
      status = api_->Send(data, std::ssize(fragment.data), fragment.peer, comm_);
    }
    for (const Fragment<uint8_t>& fragment : incoming) {
      if (status.failed()) break;
      uint8_t* data = fragment.data.data();
      if (!to_device) data = staging_.device() + fragment.staged_begin;
      status = api_->Receive(data, std::ssize(fragment.data), fragment.peer, comm_);
    }
    NcclStatus end = api_->GroupEnd();
    return status.failed() ? status : end;
  }

  // Returns the answer of the host communicator. Its failure is a failure of this one as well.
  std::vector<int64_t> OverHost(const char* operation,
                                const std::function<std::vector<int64_t>()>& exchange) {
    RequireUsable(operation);
    try {
      return exchange();
    } catch (const CommError& error) {
      GiveUp(error.what());
      throw;
    }
  }

  // Waits until `launched` is on the stream, lets `after` add to the stream, and waits until
  // everything is done.
  template <typename After>
  void Await(const char* operation, const NcclStatus& launched, const After& after) {
    PollWait wait(options_.base.deadline_sec, *options_.clock);
    AwaitLaunch(operation, launched, wait);
    Require(operation, after());
    PollOrFail(operation, wait, [&] {
      const NcclStatus status = api_->GetAsyncError(comm_);
      return status.failed() ? status : api_->QueryStream();
    });
  }

  void AwaitLaunch(const char* operation, const NcclStatus& launched, PollWait& wait) {
    if (!launched.in_progress()) return Require(operation, launched);
    PollOrFail(operation, wait, [&] { return api_->GetAsyncError(comm_); });
  }

  void PollOrFail(const char* operation, PollWait& wait, const std::function<NcclStatus()>& query) {
    const NcclStatus status = PollUntil(wait, query);
    if (!status.done()) Fail(operation, status, wait.waited_sec());
  }

  void RequireUsable(const char* operation) const {
    if (failure_.empty()) return;
    throw CommError("{}: rank {} of {}: NCCL was given up before: {}", operation, rank(),
                    world_size(), failure_);
  }

  void Require(const char* operation, const NcclStatus& status) {
    if (!status.done()) Fail(operation, status, 0.0);
  }

  [[noreturn]] void Fail(const char* operation, const NcclStatus& status, double waited_sec) {
    const std::string who = fmt::format("{}: rank {} of {}", operation, rank(), world_size());
    std::string problem =
        fmt::format("{} waited {} s for the others", who, options_.base.deadline_sec);
    if (status.failed()) {
      problem = fmt::format("{} after {:.3g} s: {}", who, waited_sec, status.text());
    }
    GiveUp(problem);
    throw CommError("{}; NCCL_DEBUG=INFO tells more, and dist.comm=mpi does without NCCL", problem);
  }

  void GiveUp(const std::string& reason) {
    if (failure_.empty()) failure_ = reason;
    Abort();
  }

  void Abort() {
    if (comm_ != nullptr) std::ignore = api_->Abort(std::exchange(comm_, nullptr));
  }

  // Leaves the group in agreement with the other ranks. Returns false if this fails.
  bool LeaveGroup() {
    if (comm_ == nullptr) return true;
    NcclStatus status = api_->Finalize(comm_);
    PollWait wait(options_.base.deadline_sec, *options_.clock);
    if (status.in_progress()) status = PollUntil(wait, [&] { return api_->GetAsyncError(comm_); });
    if (!status.done()) return false;
    std::ignore = api_->Destroy(std::exchange(comm_, nullptr));
    return true;
  }

  const NcclCommunicatorOptions options_;
  const int exceptions_at_start_;
  const std::unique_ptr<Communicator> host_;
  const std::unique_ptr<NcclApi> api_;
  NcclStaging staging_;
  NcclApi::Comm* comm_ = nullptr;
  std::string failure_;  // why later operations are refused
};

}  // namespace

std::unique_ptr<Communicator> MakeNcclCommunicator(std::unique_ptr<Communicator> host,
                                                   std::unique_ptr<NcclApi> api,
                                                   const NcclCommunicatorOptions& options) {
  auto communicator = std::make_unique<NcclCommunicator>(std::move(host), std::move(api), options);
  communicator->Connect();
  return communicator;
}

}  // namespace hearth

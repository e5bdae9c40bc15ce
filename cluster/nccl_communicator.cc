#include "cluster/nccl_communicator.h"

#include <algorithm>
#include <exception>
#include <functional>
#include <numeric>
#include <string>
#include <utility>

#include "cluster/nccl_staging.h"
#include "cluster/rank_device.h"
#include "common/error.h"

namespace hearth {
namespace {

constexpr int64_t kAlignmentBytes = 16;  // NCCL's widest load
// How long the device may take to notice that its work was ended.
constexpr double kQuietSec = 5.0;
constexpr const char* kSetUp = "NCCL set-up";

// Asks until it is done or failed. Still in progress: the wait is over.
NcclStatus PollUntil(PollWait& wait, const std::function<NcclStatus()>& query) {
  while (true) {
    NcclStatus status = query();
    if (!status.in_progress() || !wait.Continue()) return status;
  }
}

int64_t RoundDown(int64_t size_bytes) { return size_bytes / kAlignmentBytes * kAlignmentBytes; }

// What goes to, or comes from, each rank.
template <typename Byte>
struct Side {
  std::vector<std::span<Byte>> parts;  // [rank]
  bool on_device = false;
};

// A piece of one part, and its place in the staging memory if the side is in host memory.
template <typename Byte>
struct Piece {
  int peer = 0;
  std::span<Byte> data;
  int64_t staged_begin = 0;
};

// The next `quota` bytes of every part but that of `skipped`, from `begin` on. Places are given
// from *staged_end on, one place to neighbours that are the same bytes (an AllGather's).
template <typename Byte>
std::vector<Piece<Byte>> PiecesOf(const Side<Byte>& side, int64_t begin, int64_t quota, int skipped,
                                  int64_t* staged_end) {
  std::vector<Piece<Byte>> pieces;
  for (int peer = 0; peer < std::ssize(side.parts); ++peer) {
    const std::span<Byte> part = side.parts[static_cast<size_t>(peer)];
    if (peer == skipped || std::ssize(part) <= begin) continue;
    const int64_t size = std::min(quota, std::ssize(part) - begin);
    const auto data = part.subspan(static_cast<size_t>(begin), static_cast<size_t>(size));
    if (!pieces.empty() && pieces.back().data.data() == data.data()) {
      pieces.push_back({peer, data, pieces.back().staged_begin});
      continue;
    }
    pieces.push_back({peer, data, *staged_end});
    if (!side.on_device) *staged_end += RoundDown(size + kAlignmentBytes - 1);
  }
  return pieces;
}

template <typename Byte>
int64_t LongestPart(const Side<Byte>& side) {
  int64_t longest = 0;
  for (const std::span<Byte> part : side.parts) longest = std::max(longest, std::ssize(part));
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

  // Parting takes all ranks, so it is left out when this one leaves for a reason of its own.
  ~NcclCommunicator() override {
    if (std::uncaught_exceptions() > exceptions_at_start_ || !Part()) Abort();
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
    const auto size = static_cast<size_t>(count * element_bytes);
    InPlace("AllReduce", {static_cast<uint8_t*>(data), size}, [&](void* piece, int64_t size_bytes) {
      return api_->AllReduce(piece, size_bytes / element_bytes, type, op, comm_);
    });
  }

  void BroadcastBytes(std::span<uint8_t> data, int root) override {
    HEARTH_CHECK(root >= 0 && root < world_size(), "root {} of {} ranks", root, world_size());
    InPlace("Broadcast", data, [&](void* piece, int64_t size_bytes) {
      return api_->Broadcast(piece, size_bytes, root, comm_);
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
    Side<const uint8_t> sends = {.parts = {}, .on_device = api_->IsDeviceMemory(send.data())};
    for (const int64_t size : send_sizes_bytes) {
      sends.parts.push_back(send.first(static_cast<size_t>(size)));
      send = send.subspan(static_cast<size_t>(size));
    }
    Exchange("AllToAll", std::move(sends), sizes, allocate);
    return sizes;
  }

 private:
  // `launch` works on device memory, in place.
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

  // Sends sends.parts[r] to rank r and receives receive_sizes[r] bytes from it, back to back in
  // rank order. In rounds, each of at most `quota` bytes for a pair of ranks, so that two ranks
  // agree on the lengths of their messages and the staging memory is bounded. What stays on a rank
  // goes through NCCL only if one end of it is on the device.
  void Exchange(const char* operation, Side<const uint8_t> sends,
                const std::vector<int64_t>& receive_sizes, const Allocate& allocate) {
    uint8_t* out = allocate(std::reduce(receive_sizes.begin(), receive_sizes.end()));
    Side<uint8_t> receives = {.parts = {}, .on_device = api_->IsDeviceMemory(out)};
    for (const int64_t size : receive_sizes) {
      receives.parts.emplace_back(out, static_cast<size_t>(size));
      out += size;
    }
    int skipped = -1;
    if (sends.on_device || receives.on_device) {
      Require(operation, api_->WaitForDefaultStream());
    } else {
      skipped = rank();
      const std::span<const uint8_t> own = sends.parts[static_cast<size_t>(rank())];
      std::copy_n(own.data(), own.size(), receives.parts[static_cast<size_t>(rank())].data());
    }
    const int64_t quota =
        std::max(kAlignmentBytes, RoundDown(options_.staging_bytes / world_size()));
    const int64_t longest = std::max(LongestPart(sends), LongestPart(receives));
    for (int64_t begin = 0; begin < longest; begin += quota) {
      int64_t staged_end = 0;
      const auto outgoing = PiecesOf(sends, begin, quota, skipped, &staged_end);
      const int64_t upload_end = staged_end;
      const auto incoming = PiecesOf(receives, begin, quota, skipped, &staged_end);
      if (outgoing.empty() && incoming.empty()) continue;
      Require(operation, staging_.Reserve(staged_end));
      if (!sends.on_device) StageOutgoing(outgoing);
      Require(operation, staging_.Upload(0, upload_end));
      Await(operation, LaunchRound(outgoing, sends.on_device, incoming, receives.on_device),
            [&] { return staging_.Download(upload_end, staged_end); });
      if (receives.on_device) continue;
      for (const Piece<uint8_t>& piece : incoming) {
        std::copy_n(staging_.pinned() + piece.staged_begin, piece.data.size(), piece.data.data());
      }
    }
  }

  void StageOutgoing(const std::vector<Piece<const uint8_t>>& pieces) {
    int64_t last_begin = -1;
    for (const Piece<const uint8_t>& piece : pieces) {
      if (piece.staged_begin == last_begin) continue;
      last_begin = piece.staged_begin;
      std::copy_n(piece.data.data(), piece.data.size(), staging_.pinned() + last_begin);
    }
  }

  NcclStatus LaunchRound(const std::vector<Piece<const uint8_t>>& outgoing, bool from_device,
                         const std::vector<Piece<uint8_t>>& incoming, bool to_device) {
    NcclStatus status = api_->GroupStart();
    if (status.failed()) return status;
    for (const Piece<const uint8_t>& piece : outgoing) {
      if (status.failed()) break;
      status = api_->Send(from_device ? piece.data.data() : staging_.device() + piece.staged_begin,
                          std::ssize(piece.data), piece.peer, comm_);
    }
    for (const Piece<uint8_t>& piece : incoming) {
      if (status.failed()) break;
      status = api_->Receive(to_device ? piece.data.data() : staging_.device() + piece.staged_begin,
                             std::ssize(piece.data), piece.peer, comm_);
    }
    NcclStatus end = api_->GroupEnd();
    return status.failed() ? status : end;
  }

  // What the host communicator answers. When it fails, the ranks have parted here as well.
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

  // Until `launched` is on the stream, then, with what `after` adds to the stream, until it is
  // done.
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
    const std::string what =
        status.failed()
            ? fmt::format("{} after {:.3g} s: {}", who, waited_sec, status.text())
            : fmt::format("{} waited {} s for the others", who, options_.base.deadline_sec);
    GiveUp(what);
    throw CommError("{}; NCCL_DEBUG=INFO tells more, and dist.comm=mpi does without NCCL", what);
  }

  void GiveUp(const std::string& reason) {
    if (failure_.empty()) failure_ = reason;
    Abort();
  }

  void Abort() {
    if (comm_ != nullptr) static_cast<void>(api_->Abort(std::exchange(comm_, nullptr)));
  }

  // Whether the ranks took leave of each other.
  bool Part() {
    if (comm_ == nullptr) return true;
    NcclStatus status = api_->Finalize(comm_);
    PollWait wait(options_.base.deadline_sec, *options_.clock);
    if (status.in_progress()) status = PollUntil(wait, [&] { return api_->GetAsyncError(comm_); });
    if (!status.done()) return false;
    static_cast<void>(api_->Destroy(std::exchange(comm_, nullptr)));
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

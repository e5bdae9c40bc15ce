#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "cluster/communicator.h"

namespace hearth {

/// What a call of NCCL or CUDA came to.
class [[nodiscard]] NcclStatus {
 public:
  static NcclStatus Done() { return {State::kDone, {}}; }
  /// Not an error: to be asked for again.
  static NcclStatus InProgress() { return {State::kInProgress, {}}; }
  static NcclStatus Failed(std::string text) { return {State::kFailed, std::move(text)}; }

  bool done() const { return state_ == State::kDone; }
  bool in_progress() const { return state_ == State::kInProgress; }
  bool failed() const { return state_ == State::kFailed; }
  /// The library's own words; empty unless failed().
  const std::string& text() const { return text_; }

 private:
  enum class State { kDone, kInProgress, kFailed };
  NcclStatus(State state, std::string text) : state_(state), text_(std::move(text)) {}

  State state_;
  std::string text_;
};

/// The functions of NCCL and of the CUDA runtime that NcclCommunicator is made of, for one device
/// and one stream, on which everything here runs in the order of the calls. An interface, so that
/// the communicator runs and fails in tests without a GPU; the real one is in nccl_library.h.
///
/// No call waits for other ranks: what takes longer is in progress until GetAsyncError and
/// QueryStream say that it is done. Sizes are bytes, counts are elements. Nothing throws.
class NcclApi {
 public:
  /// One rank's part of a group of ranks.
  struct Comm;
  using UniqueId = std::array<uint8_t, 128>;

  virtual ~NcclApi() = default;

  /// "GPU-8a3f...", the same for every process that sees the device.
  virtual NcclStatus GetDeviceUuid(std::string* uuid) = 0;

  /// Names a new group: one rank asks and tells the others.
  virtual NcclStatus GetUniqueId(UniqueId* id) = 0;
  /// Joins the group. `comm` is set unless the call failed, and ends with Destroy or Abort.
  virtual NcclStatus InitRank(const UniqueId& id, int world_size, int rank, Comm** comm) = 0;
  /// Done when all calls so far are on the stream (for Finalize: when the ranks have parted).
  virtual NcclStatus GetAsyncError(Comm* comm) = 0;
  /// Takes leave of the other ranks; to be called before Destroy.
  virtual NcclStatus Finalize(Comm* comm) = 0;
  virtual NcclStatus Destroy(Comm* comm) = 0;
  /// Ends what runs on the device and lets go of the other ranks without asking them.
  virtual NcclStatus Abort(Comm* comm) = 0;

  // Operations on device memory. They are queued on the stream; done means queued.
  virtual NcclStatus AllReduce(void* data, int64_t count, ElementType type, ReduceOp op,
                               Comm* comm) = 0;
  virtual NcclStatus Broadcast(void* data, int64_t size_bytes, int root, Comm* comm) = 0;
  /// Sends and receives between the two run at the same time. A rank may send to itself.
  virtual NcclStatus GroupStart() = 0;
  virtual NcclStatus GroupEnd() = 0;
  virtual NcclStatus Send(const void* data, int64_t size_bytes, int peer, Comm* comm) = 0;
  virtual NcclStatus Receive(void* data, int64_t size_bytes, int peer, Comm* comm) = 0;

  /// Queues a copy between device memory and pinned memory, in either direction.
  virtual NcclStatus Copy(void* to, const void* from, int64_t size_bytes) = 0;
  /// What is queued from here on waits for what the default stream of the device holds now.
  virtual NcclStatus WaitForDefaultStream() = 0;
  /// In progress while anything queued is.
  virtual NcclStatus QueryStream() = 0;

  virtual bool IsDeviceMemory(const void* pointer) = 0;
  virtual NcclStatus AllocateDevice(int64_t size_bytes, void** memory) = 0;
  virtual NcclStatus AllocatePinned(int64_t size_bytes, void** memory) = 0;
  /// May wait for the device.
  virtual NcclStatus FreeDevice(void* memory) = 0;
  virtual NcclStatus FreePinned(void* memory) = 0;
};

}  // namespace hearth

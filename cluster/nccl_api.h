#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "cluster/communicator.h"

namespace hearth {

/// The result of a call of NCCL or CUDA.
class [[nodiscard]] NcclStatus {
 public:
  static NcclStatus Done() { return {State::kDone, {}}; }
  /// This is no error: the caller asks again.
  static NcclStatus InProgress() { return {State::kInProgress, {}}; }
  static NcclStatus Failed(std::string text) { return {State::kFailed, std::move(text)}; }

  bool done() const { return state_ == State::kDone; }
  bool in_progress() const { return state_ == State::kInProgress; }
  bool failed() const { return state_ == State::kFailed; }
  /// Returns the error text of the library; empty unless failed().
  const std::string& text() const { return text_; }

 private:
  enum class State { kDone, kInProgress, kFailed };
  NcclStatus(State state, std::string text) : state_(state), text_(std::move(text)) {}

  State state_;
  std::string text_;
};

/// The functions of NCCL and of the CUDA runtime that NcclCommunicator uses, for one device and one
/// stream. The stream runs everything in the order of the calls. This is an interface, so that
/// tests run the communicator and its failures without a GPU; nccl_library.h has the real
/// functions.
///
/// No call waits for other ranks: long work is in progress until GetAsyncError and QueryStream say
/// that it is done. Sizes are bytes, counts are elements. Nothing throws.
class NcclApi {
 public:
  /// The handle of one rank to a group of ranks.
  struct Comm;
  using UniqueId = std::array<uint8_t, 128>;

  virtual ~NcclApi() = default;

  /// Gives "GPU-8a3f...", the same for every process that sees the device.
  virtual NcclStatus GetDeviceUuid(std::string* uuid) = 0;

  /// Names a new group. One rank calls this and sends the name to the others.
  virtual NcclStatus GetUniqueId(UniqueId* id) = 0;
  /// Joins the group. It sets `comm` unless it fails; Destroy or Abort ends `comm`.
  virtual NcclStatus InitRank(const UniqueId& id, int world_size, int rank, Comm** comm) = 0;
  /// Is done when all calls so far are on the stream (after Finalize: when all ranks have left).
  virtual NcclStatus GetAsyncError(Comm* comm) = 0;
  /// Leaves the group in agreement with the other ranks; must come before Destroy.
  virtual NcclStatus Finalize(Comm* comm) = 0;
  virtual NcclStatus Destroy(Comm* comm) = 0;
  /// Ends the work on the device and leaves the group without the other ranks.
  virtual NcclStatus Abort(Comm* comm) = 0;

  // These operate on device memory. They are queued on the stream; done means queued.
  virtual NcclStatus AllReduce(void* data, int64_t count, ElementType type, ReduceOp op,
                               Comm* comm) = 0;
  virtual NcclStatus Broadcast(void* data, int64_t size_bytes, int root, Comm* comm) = 0;
  /// Sends and receives between GroupStart and GroupEnd run together. A rank may send to itself.
  virtual NcclStatus GroupStart() = 0;
  virtual NcclStatus GroupEnd() = 0;
  virtual NcclStatus Send(const void* data, int64_t size_bytes, int peer, Comm* comm) = 0;
  virtual NcclStatus Receive(void* data, int64_t size_bytes, int peer, Comm* comm) = 0;

  /// Queues a copy between device memory and pinned memory, in either direction.
  virtual NcclStatus Copy(void* to, const void* from, int64_t size_bytes) = 0;
  /// Lets all work queued later wait for the present work of the device's default stream.
  virtual NcclStatus WaitForDefaultStream() = 0;
  /// Is in progress while any queued work is.
  virtual NcclStatus QueryStream() = 0;

  virtual bool IsDeviceMemory(const void* pointer) = 0;
  virtual NcclStatus AllocateDevice(int64_t size_bytes, void** memory) = 0;
  virtual NcclStatus AllocatePinned(int64_t size_bytes, void** memory) = 0;
  /// May wait for the device.
  virtual NcclStatus FreeDevice(void* memory) = 0;
  virtual NcclStatus FreePinned(void* memory) = 0;
};

}  // namespace hearth

// Few files compile to different objects in the CPU and the CUDA flavour (docs/architecture.md);
// this is one of them.
#include "cluster/nccl_library.h"

#include "common/error.h"
#include "common/to_underlying.h"

#ifdef HEARTH_WITH_CUDA
#include <algorithm>
#include <span>

#include <cuda_runtime.h>
#include <nccl.h>
#endif

namespace hearth {

#ifdef HEARTH_WITH_CUDA

namespace {

static_assert(sizeof(ncclUniqueId) == sizeof(NcclApi::UniqueId));

ncclComm_t Native(NcclApi::Comm* comm) { return reinterpret_cast<ncclComm_t>(comm); }

NcclStatus StatusOf(cudaError_t code) {
  if (code == cudaSuccess) return NcclStatus::Done();
  if (code == cudaErrorNotReady) return NcclStatus::InProgress();
  return NcclStatus::Failed(
      fmt::format("CUDA: {} ({})", cudaGetErrorString(code), cudaGetErrorName(code)));
}

NcclStatus StatusOf(ncclResult_t code, NcclApi::Comm* comm) {
  if (code == ncclSuccess) return NcclStatus::Done();
  if (code == ncclInProgress) return NcclStatus::InProgress();
  return NcclStatus::Failed(
      fmt::format("NCCL: {}; {}", ncclGetErrorString(code), ncclGetLastError(Native(comm))));
}

ncclDataType_t DatatypeOf(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return ncclFloat32;
    case ElementType::kFloat64:
      return ncclFloat64;
    case ElementType::kInt32:
      return ncclInt32;
    case ElementType::kInt64:
      return ncclInt64;
    case ElementType::kUint8:
      return ncclUint8;
  }
  HEARTH_CHECK(false, "element type {}", ToUnderlying(type));
}

ncclRedOp_t OperationOf(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
      return ncclSum;
    case ReduceOp::kMin:
      return ncclMin;
    case ReduceOp::kMax:
      return ncclMax;
  }
  HEARTH_CHECK(false, "reduce operation {}", ToUnderlying(op));
}

// Converts a count or size to the type of NCCL and CUDA. No other code does.
size_t NativeSize(int64_t size) {
  HEARTH_CHECK(size >= 0, "{} elements or bytes", size);
  return size;
}

// Returns "GPU-" and the bytes in the groups that nvidia-smi prints.
std::string TextOf(const cudaUUID_t& uuid) {
  std::string text = "GPU";
  for (size_t i = 0; i < sizeof uuid.bytes; ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned char>(uuid.bytes[i]));
  }
  return text;
}

class NcclLibrary : public NcclApi {
 public:
  explicit NcclLibrary(int device) : device_(device) {
    // The stream must not synchronise with the default stream: a collective that waits for a peer
    // would then hold up the computation of this rank.
    const NcclStatus made = StatusOf(
        OnDevice([&] { return cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking); }));
    if (!made.done()) throw CommError("NCCL set-up on cuda:{}: {}", device_, made.text());
  }
  ~NcclLibrary() override { cudaStreamDestroy(stream_); }

  NcclStatus GetDeviceUuid(std::string* uuid) override {
    cudaDeviceProp properties;
    const cudaError_t code = cudaGetDeviceProperties(&properties, device_);
    if (code == cudaSuccess) *uuid = TextOf(properties.uuid);
    return StatusOf(code);
  }

  NcclStatus GetUniqueId(UniqueId* id) override {
    ncclUniqueId native;
    const ncclResult_t code = ncclGetUniqueId(&native);
    if (code == ncclSuccess) std::copy_n(native.internal, id->size(), id->begin());
    return StatusOf(code, nullptr);
  }

  NcclStatus InitRank(const UniqueId& id, int world_size, int rank, Comm** comm) override {
    const cudaError_t selected = cudaSetDevice(device_);
    if (selected != cudaSuccess) return StatusOf(selected);
    ncclUniqueId native;
    std::copy_n(id.begin(), id.size(), native.internal);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    ncclComm_t made = nullptr;
    const ncclResult_t code = ncclCommInitRankConfig(&made, world_size, native, rank, &config);
    *comm = reinterpret_cast<Comm*>(made);
    return StatusOf(code, *comm);
  }

  NcclStatus GetAsyncError(Comm* comm) override {
    ncclResult_t state = ncclSuccess;
    const ncclResult_t code = ncclCommGetAsyncError(Native(comm), &state);
    return StatusOf(code != ncclSuccess ? code : state, comm);
  }

  NcclStatus Finalize(Comm* comm) override {
    return StatusOf(ncclCommFinalize(Native(comm)), comm);
  }
  // The comm is null here, because a group that is gone cannot give the text of an error.
  NcclStatus Destroy(Comm* comm) override {
    return StatusOf(ncclCommDestroy(Native(comm)), nullptr);
  }
  NcclStatus Abort(Comm* comm) override { return StatusOf(ncclCommAbort(Native(comm)), nullptr); }

  NcclStatus AllReduce(void* data, int64_t count, ElementType type, ReduceOp op,
                       Comm* comm) override {
    return StatusOf(ncclAllReduce(data, data, NativeSize(count), DatatypeOf(type), OperationOf(op),
                                  Native(comm), stream_),
                    comm);
  }
  NcclStatus Broadcast(void* data, int64_t size_bytes, int root, Comm* comm) override {
    return StatusOf(
        ncclBroadcast(data, data, NativeSize(size_bytes), ncclUint8, root, Native(comm), stream_),
        comm);
  }
  NcclStatus GroupStart() override { return StatusOf(ncclGroupStart(), nullptr); }
  NcclStatus GroupEnd() override { return StatusOf(ncclGroupEnd(), nullptr); }
  NcclStatus Send(const void* data, int64_t size_bytes, int peer, Comm* comm) override {
    return StatusOf(ncclSend(data, NativeSize(size_bytes), ncclUint8, peer, Native(comm), stream_),
                    comm);
  }
  NcclStatus Receive(void* data, int64_t size_bytes, int peer, Comm* comm) override {
    return StatusOf(ncclRecv(data, NativeSize(size_bytes), ncclUint8, peer, Native(comm), stream_),
                    comm);
  }

  NcclStatus Copy(void* to, const void* from, int64_t size_bytes) override {
    return StatusOf(cudaMemcpyAsync(to, from, NativeSize(size_bytes), cudaMemcpyDefault, stream_));
  }
  NcclStatus WaitForDefaultStream() override {
    cudaEvent_t event = nullptr;
    cudaError_t code =
        OnDevice([&] { return cudaEventCreateWithFlags(&event, cudaEventDisableTiming); });
    if (code != cudaSuccess) return StatusOf(code);
    code = cudaEventRecord(event, cudaStreamLegacy);
    if (code == cudaSuccess) code = cudaStreamWaitEvent(stream_, event, 0);
    cudaEventDestroy(event);  // CUDA keeps the event while the stream waits for it
    return StatusOf(code);
  }
  NcclStatus QueryStream() override { return StatusOf(cudaStreamQuery(stream_)); }

  bool IsDeviceMemory(const void* pointer) override {
    cudaPointerAttributes attributes;
    if (cudaPointerGetAttributes(&attributes, pointer) != cudaSuccess) return false;
    return attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged;
  }
  NcclStatus AllocateDevice(int64_t size_bytes, void** memory) override {
    return StatusOf(OnDevice([&] { return cudaMalloc(memory, NativeSize(size_bytes)); }));
  }
  NcclStatus AllocatePinned(int64_t size_bytes, void** memory) override {
    return StatusOf(OnDevice([&] { return cudaMallocHost(memory, NativeSize(size_bytes)); }));
  }
  NcclStatus FreeDevice(void* memory) override { return StatusOf(cudaFree(memory)); }
  NcclStatus FreePinned(void* memory) override { return StatusOf(cudaFreeHost(memory)); }

 private:
  // Selects the device for calls that use the thread's current device.
  template <typename Call>
  cudaError_t OnDevice(const Call& call) const {
    const cudaError_t selected = cudaSetDevice(device_);
    return selected == cudaSuccess ? call() : selected;
  }

  const int device_;
  cudaStream_t stream_ = nullptr;
};

}  // namespace

bool NcclIsBuilt() { return true; }

std::unique_ptr<NcclApi> MakeNcclLibrary(int device) {
  int count = 0;
  const NcclStatus counted = StatusOf(cudaGetDeviceCount(&count));
  if (!counted.done() || device < 0 || device >= count) {
    throw ConfigError("NCCL needs cuda:{}, and this process sees {} devices{}{}; use dist.comm=mpi",
                      device, count, counted.done() ? "" : ": ", counted.text());
  }
  return std::make_unique<NcclLibrary>(device);
}

#else

bool NcclIsBuilt() { return false; }

std::unique_ptr<NcclApi> MakeNcclLibrary(int) {
  throw ConfigError(
      "NCCL is part of the CUDA flavour, and this build is the CPU one; use dist.comm=mpi, or "
      "build with 'launch/setup --cuda'");
}

#endif

}  // namespace hearth

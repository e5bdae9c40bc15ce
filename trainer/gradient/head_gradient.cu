#include <algorithm>

#include <cuda_runtime.h>

#include "trainer/gradient/device_math.h"
#include "trainer/gradient/head_gradient_cuda.h"

namespace hearth {
namespace {

constexpr int kWarp = 32;
// A multiprocessor runs several blocks of few threads: the products of a task are small, and while
// one block waits at a barrier another computes. A fourth block would leave too few registers.
constexpr int kThreads = 128;
constexpr int kBlocksAtOnce = 3;
// A tangent lies in shared memory if kBlocksAtOnce tangents leave a share of it to the cache.
constexpr int64_t kMostShared = 47 * 1024;  // more than 48 KB needs a request to the runtime

// The threads of a block, for DeviceMath.
template <typename Real>
struct BlockLanes {
  static constexpr int kNeighbours = 8;
  Real* terms;  // [kThreads / kWarp] in shared memory

  __device__ int index() const { return threadIdx.x; }
  __device__ int count() const { return kThreads; }
  __device__ void Barrier() const { __syncthreads(); }
  __device__ Real NeighbourSum(Real x) const { return SumAcross<kNeighbours>(x); }
  __device__ Real Sum(Real x) const {
    x = SumAcross<kWarp>(x);
    if (index() % kWarp == 0) terms[index() / kWarp] = x;
    __syncthreads();
    Real sum = 0;
    for (int warp = 0; warp < kThreads / kWarp; ++warp) sum += terms[warp];
    __syncthreads();  // the next sum may overwrite the terms
    return sum;
  }

 private:
  template <int kCount>
  __device__ static Real SumAcross(Real x) {
    for (int width = kCount / 2; width > 0; width /= 2) {
      x += __shfl_xor_sync(0xffffffffu, x, width, kCount);
    }
    return x;
  }
};

template <typename Real>
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce)
    HeadTasksKernel(HeadPlan plan, HeadShape shape, HeadParameters<Real> parameters,
                    HeadChunkMemory<Real> chunk, int64_t task_count, const int64_t* order,
                    Real* scratch, int* next) {
  extern __shared__ __align__(64) unsigned char shared[];
  __shared__ Real terms[kThreads / kWarp];
  __shared__ int taken;
  using Math = DeviceMath<Real, BlockLanes<Real>>;
  HeadChunkTask<Real, Math> run(shape, parameters, chunk, Math(BlockLanes<Real>{terms}));
  Real* own = scratch + blockIdx.x * plan.scratch_size;
  Real* tangent = plan.shared_bytes > 0 ? reinterpret_cast<Real*>(shared)
                                        : own + plan.scratch_size - plan.tangent_size;
  while (true) {
    if (threadIdx.x == 0) taken = atomicAdd(next, 1);
    __syncthreads();
    const int place = taken;
    __syncthreads();  // thread 0 may overwrite `taken`
    if (place >= task_count) return;
    run.Run(order[place], own, tangent);
  }
}

constexpr int kSumLanes = 8;  // lanes that share the rows of a column

template <typename Real>
__global__ void SumRowsKernel(const Real* rows, int64_t row_count, int64_t width, double* sums) {
  __shared__ double terms[kSumLanes][kWarp];
  const int64_t column = int64_t{blockIdx.x} * kWarp + threadIdx.x;
  double sum = 0;
  for (int64_t r = threadIdx.y; column < width && r < row_count; r += kSumLanes) {
    sum += rows[r * width + column];
  }
  terms[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y > 0 || column >= width) return;
  for (int lane = 1; lane < kSumLanes; ++lane) sum += terms[lane][threadIdx.x];
  sums[column] = sum;
}

template <typename Real>
__global__ void SumGroupsKernel(const Real* rows, int64_t row_size, int64_t width,
                                const int64_t* begins, const int64_t* places, int64_t groups,
                                Real* sums) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  const int64_t group = i / width, column = i % width;
  if (group >= groups) return;
  Real sum = 0;
  for (int64_t p = begins[group]; p < begins[group + 1]; ++p) {
    sum += rows[places[p] * row_size + column];
  }
  sums[i] = sum;
}

const char* Describe(cudaError_t error) {
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

int64_t Blocks(int64_t count, int64_t per_block) { return (count + per_block - 1) / per_block; }

}  // namespace

template <typename Real>
const char* PlanHeadTasks(const HeadShape& shape, int64_t item_width, int64_t task_count,
                          int64_t support, int64_t query, HeadPlan* plan) {
  using Task = HeadChunkTask<Real, DeviceMath<Real, BlockLanes<Real>>>;
  plan->tangent_size = HeadWorkspace<Real>::TangentSize(shape, support, query);
  plan->scratch_size = Task::ScratchSize(shape, item_width, support, query);
  const int64_t tangent_bytes = plan->tangent_size * sizeof(Real);
  if (tangent_bytes <= kMostShared) {
    plan->shared_bytes = tangent_bytes;
  } else {
    plan->scratch_size += plan->tangent_size;
  }
  int device = 0, multiprocessors = 0, blocks = 0;
  cudaError_t error = cudaGetDevice(&device);
  if (error == cudaSuccess) {
    error = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
  }
  if (error == cudaSuccess) {
    error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, HeadTasksKernel<Real>, kThreads,
                                                          plan->shared_bytes);
  }
  plan->blocks = std::min(task_count, int64_t{blocks} * multiprocessors);
  return Describe(error);
}

template <typename Real>
const char* LaunchHeadTasks(const HeadPlan& plan, const HeadShape& shape,
                            const HeadParameters<Real>& parameters,
                            const HeadChunkMemory<Real>& chunk, int64_t task_count,
                            const int64_t* order, Real* scratch, int* next, CUstream_st* stream) {
  HeadTasksKernel<Real>
      <<<static_cast<unsigned>(plan.blocks), kThreads, plan.shared_bytes, stream>>>(
          plan, shape, parameters, chunk, task_count, order, scratch, next);
  return Describe(cudaGetLastError());
}

template <typename Real>
const char* LaunchSumRows(const Real* rows, int64_t row_count, int64_t width, double* sums,
                          CUstream_st* stream) {
  if (width == 0) return nullptr;
  SumRowsKernel<<<static_cast<unsigned>(Blocks(width, kWarp)), dim3(kWarp, kSumLanes), 0, stream>>>(
      rows, row_count, width, sums);
  return Describe(cudaGetLastError());
}

template <typename Real>
const char* LaunchSumGroups(const Real* rows, int64_t row_size, int64_t width,
                            const int64_t* begins, const int64_t* places, int64_t groups,
                            Real* sums, CUstream_st* stream) {
  if (groups * width == 0) return nullptr;
  SumGroupsKernel<<<static_cast<unsigned>(Blocks(groups * width, kThreads)), kThreads, 0, stream>>>(
      rows, row_size, width, begins, places, groups, sums);
  return Describe(cudaGetLastError());
}

#define HEARTH_INSTANTIATE(Real)                                                                  \
  template const char* PlanHeadTasks<Real>(const HeadShape&, int64_t, int64_t, int64_t, int64_t,  \
                                           HeadPlan*);                                            \
  template const char* LaunchHeadTasks(const HeadPlan&, const HeadShape&,                         \
                                       const HeadParameters<Real>&, const HeadChunkMemory<Real>&, \
                                       int64_t, const int64_t*, Real*, int*, CUstream_st*);       \
  template const char* LaunchSumRows(const Real*, int64_t, int64_t, double*, CUstream_st*);       \
  template const char* LaunchSumGroups(const Real*, int64_t, int64_t, const int64_t*,             \
                                       const int64_t*, int64_t, Real*, CUstream_st*);
HEARTH_INSTANTIATE(float)
HEARTH_INSTANTIATE(double)
#undef HEARTH_INSTANTIATE

}  // namespace hearth

#include <cuda_runtime.h>

#include "trainer/table/row_update_cuda.h"

namespace hearth {
namespace {

constexpr int kThreads = 256;
constexpr int kLoadBytes = 16;  // size of a thread's widest load

// The lanes of a row: kCount neighbouring threads of a warp.
template <int kCount, int kPackSize>
struct WarpLanes {
  static constexpr int kLanes = kCount;
  static constexpr int kPack = kPackSize;
  static constexpr bool kAligned = true;

  __device__ int index() const { return static_cast<int>(threadIdx.x) % kCount; }
  __device__ unsigned mask() const {
    const unsigned first = threadIdx.x % 32 / kCount * kCount;
    return (0xffffffffu >> (32 - kCount)) << first;
  }
  template <typename Real>
  __device__ Real Sum(Real x) const {
    for (int width = kCount / 2; width > 0; width /= 2) {
      x += __shfl_xor_sync(mask(), x, width, kCount);
    }
    __syncwarp(mask());
    return x;
  }
};

// The place in the list of ids of the row that this thread's group works on.
template <typename Lanes>
__device__ int64_t PlaceOfGroup() {
  return (int64_t{blockIdx.x} * kThreads + threadIdx.x) / Lanes::kLanes;
}

template <typename Lanes, typename Real>
__global__ void GatherKernel(const Real* rows, int64_t dim, const int64_t* ids, int64_t id_count,
                             Real* out) {
  const int64_t place = PlaceOfGroup<Lanes>();
  if (place < id_count) CopyRow(Lanes(), rows + ids[place] * dim, dim, out + place * dim);
}

template <typename Lanes, typename Real>
__global__ void StepKernel(TableMemory<Real> table, const int64_t* ids, int64_t id_count,
                           const Real* gradient, RowStep step) {
  const int64_t place = PlaceOfGroup<Lanes>();
  if (place >= id_count) return;
  StepRow(Lanes(), table, ids[place], gradient + place * table.dim, step);
}

template <typename Lanes, typename Real>
__global__ void StepGroupsKernel(TableMemory<Real> table, DeviceIdGroups groups,
                                 const Real* gradient, RowStep step, Real* sums) {
  const int64_t group = PlaceOfGroup<Lanes>();
  if (group >= groups.size) return;
  const int64_t begin = groups.begins[group];
  const RowGradients<Real> gradients = {gradient, groups.places + begin,
                                        groups.begins[group + 1] - begin};
  StepRow(Lanes(), table, groups.ids[group], gradients, step, sums + group * table.dim);
}

bool IsAligned(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % kLoadBytes == 0;
}

// Calls launch(lanes, blocks). Lanes use 16-byte loads if every row allows them. A row gets 8
// threads, or 32 if 8 would leave each thread more than four loads.
template <typename Real, typename Launch>
const char* LaunchFor(int64_t dim, bool aligned, int64_t id_count, const Launch& launch) {
  if (id_count == 0) return nullptr;
  constexpr int kPack = kLoadBytes / static_cast<int>(sizeof(Real));
  const auto run = [&](auto lanes) {
    const int64_t groups_per_block = kThreads / decltype(lanes)::kLanes;
    const int64_t blocks = (id_count + groups_per_block - 1) / groups_per_block;
    launch(lanes, static_cast<unsigned>(blocks));
  };
  const bool wide_loads = aligned && dim % kPack == 0;
  if (wide_loads && dim <= 4 * 8 * kPack) {
    run(WarpLanes<8, kPack>());
  } else if (wide_loads) {
    run(WarpLanes<32, kPack>());
  } else if (dim <= 4 * 8) {
    run(WarpLanes<8, 1>());
  } else {
    run(WarpLanes<32, 1>());
  }
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

}  // namespace

template <typename Real>
const char* LaunchGatherRows(const Real* rows, int64_t dim, const int64_t* ids, int64_t id_count,
                             Real* out, CUstream_st* stream) {
  const bool aligned = IsAligned(rows) && IsAligned(out);
  return LaunchFor<Real>(dim, aligned, id_count, [&](auto lanes, unsigned blocks) {
    GatherKernel<decltype(lanes)><<<blocks, kThreads, 0, stream>>>(rows, dim, ids, id_count, out);
  });
}

template <typename Real>
const char* LaunchStepRows(const TableMemory<Real>& table, const int64_t* ids, int64_t id_count,
                           const Real* gradient, const RowStep& step, CUstream_st* stream) {
  const bool aligned =
      IsAligned(table.rows) && IsAligned(table.first_moment) && IsAligned(gradient);
  return LaunchFor<Real>(table.dim, aligned, id_count, [&](auto lanes, unsigned blocks) {
    StepKernel<decltype(lanes)>
        <<<blocks, kThreads, 0, stream>>>(table, ids, id_count, gradient, step);
  });
}

template <typename Real>
const char* LaunchStepRows(const TableMemory<Real>& table, const DeviceIdGroups& groups,
                           const Real* gradient, const RowStep& step, Real* sums,
                           CUstream_st* stream) {
  const bool aligned = IsAligned(table.rows) && IsAligned(table.first_moment) &&
                       IsAligned(gradient) && IsAligned(sums);
  return LaunchFor<Real>(table.dim, aligned, groups.size, [&](auto lanes, unsigned blocks) {
    StepGroupsKernel<decltype(lanes)>
        <<<blocks, kThreads, 0, stream>>>(table, groups, gradient, step, sums);
  });
}

template const char* LaunchGatherRows(const float*, int64_t, const int64_t*, int64_t, float*,
                                      CUstream_st*);
template const char* LaunchGatherRows(const double*, int64_t, const int64_t*, int64_t, double*,
                                      CUstream_st*);
template const char* LaunchStepRows(const TableMemory<float>&, const int64_t*, int64_t,
                                    const float*, const RowStep&, CUstream_st*);
template const char* LaunchStepRows(const TableMemory<double>&, const int64_t*, int64_t,
                                    const double*, const RowStep&, CUstream_st*);
template const char* LaunchStepRows(const TableMemory<float>&, const DeviceIdGroups&, const float*,
                                    const RowStep&, float*, CUstream_st*);
template const char* LaunchStepRows(const TableMemory<double>&, const DeviceIdGroups&,
                                    const double*, const RowStep&, double*, CUstream_st*);

}  // namespace hearth

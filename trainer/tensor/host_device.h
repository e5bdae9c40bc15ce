#pragma once

/// Marks a function of a kernel. The function is compiled for the host and, by nvcc, also for the
/// device, so code that runs on a GPU is tested without a GPU.
#ifdef __CUDACC__
#define HEARTH_HOST_DEVICE __host__ __device__
#else
#define HEARTH_HOST_DEVICE
#endif

#pragma once

/// Marks a function of a kernel that is compiled for the host and, by nvcc, for the device
/// as well, so that what runs on a GPU is tested without one.
#ifdef __CUDACC__
#define HEARTH_HOST_DEVICE __host__ __device__
#else
#define HEARTH_HOST_DEVICE
#endif

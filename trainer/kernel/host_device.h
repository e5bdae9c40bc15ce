#pragma once

/// The kernels of trainer/kernel/ are templates that are compiled several times: for the host, once
/// per set of vector instructions, and by nvcc for the device, so that what runs on a GPU is tested
/// without one. Each compilation has a namespace of its own, hearth::HEARTH_KERNEL_ISA, or the
/// linker would keep one copy for all. What crosses between them (head_task.h) is plain data, with
/// functions that are always inlined.
#ifdef __CUDACC__
#define HEARTH_HOST_DEVICE __host__ __device__
#else
#define HEARTH_HOST_DEVICE
#endif
#define HEARTH_KERNEL_INLINE HEARTH_HOST_DEVICE inline __attribute__((always_inline))

#ifndef HEARTH_KERNEL_ISA
#define HEARTH_KERNEL_ISA portable
#endif

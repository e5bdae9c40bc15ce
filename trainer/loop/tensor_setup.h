#pragma once

#include <ATen/core/Tensor.h>

#include "trainer/loop/options.h"

namespace hearth {

/// dtype and device of a run's tensors. Throws ConfigError when cuda is asked for and there is
/// none; kAuto takes the GPU that `local_rank` selects if there is one, else the CPU.
at::TensorOptions TensorOptionsFor(const TrainOptions& train, int local_rank);

/// The chunks that a rank computes at the same time: train.threads, or the cores this process may
/// run on, divided among the `local_size` ranks of this host that may run on the same cores. The
/// count is 1 with a GPU.
int ThreadCountFor(const TrainOptions& train, int local_size, at::Device device);

/// Keeps freed memory in the process. The C library gives large blocks back to the kernel at once
/// and gets them again, page by page, in the next step; autograd over batches of tasks is up
/// to 1.6x slower that way. Also lets a freed tensor make room for the next one of its size;
/// LibTorch's allocator fails to do so on glibc. The effect lasts until the process ends.
void KeepFreedMemory();

/// "cpu" or "cuda:1", for the start-up line.
std::string DeviceName(const at::TensorOptions& options);

}  // namespace hearth

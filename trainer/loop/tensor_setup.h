#pragma once

#include <ATen/core/Tensor.h>

#include "trainer/loop/options.h"

namespace hearth {

/// dtype and device of a run's tensors. Throws ConfigError when cuda is asked for and there is
/// none; kAuto takes the GPU that `local_rank` selects where there is one, else the CPU.
at::TensorOptions TensorOptionsFor(const TrainOptions& train, int local_rank);

/// train.threads, or the cores this process may run on, shared with the other `local_size` - 1
/// ranks of this host that may run on the same ones. With a GPU: 1.
int ThreadCountFor(const TrainOptions& train, int local_size, at::Device device);

/// Keeps freed memory in the process. The C library gives large blocks back to the kernel at once
/// and gets them again, page by page, in the next step; autograd over batches of tasks is up
/// to 1.6x slower that way. Also lets a freed tensor make room for the next one of its size, which
/// LibTorch's allocator does not on glibc. For the rest of the process.
void KeepFreedMemory();

/// "cpu" or "cuda:1", for the start-up line.
std::string DeviceName(const at::TensorOptions& options);

}  // namespace hearth

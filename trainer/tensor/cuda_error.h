#pragma once

#include "common/error.h"

namespace hearth {

/// Ends the process unless `error` is null. It checks the results of the functions in
/// head_gradient_cuda.h and row_update_cuda.h. No .cu file includes this header.
inline void RequireNoCudaError(const char* error) {
  HEARTH_CHECK(error == nullptr, "CUDA: {}", error);
}

}  // namespace hearth

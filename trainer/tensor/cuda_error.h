#pragma once

#include "common/error.h"

namespace hearth {

/// Ends the process unless `error` is null: for what the functions of head_gradient_cuda.h and
/// row_update_cuda.h return. No .cu includes it.
inline void RequireNoCudaError(const char* error) {
  HEARTH_CHECK(error == nullptr, "CUDA: {}", error);
}

}  // namespace hearth

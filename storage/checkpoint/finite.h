#pragma once

#include <cstdint>

namespace hearth {

/// The place of the first NaN or infinity, or -1: at the speed of memory when there is none, since
/// every save passes all its numbers through here.
int64_t FirstNonFinite(const float* values, int64_t count);
int64_t FirstNonFinite(const double* values, int64_t count);

}  // namespace hearth

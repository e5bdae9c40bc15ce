#pragma once

#include <functional>

namespace hearth {

/// Most resident memory during one call of `run` above what it was before, in MB. `run` is called
/// once before, so that what is set up once does not count, and freed memory is given back. Linux.
double PeakExtraMegabytes(const std::function<void()>& run);

}  // namespace hearth

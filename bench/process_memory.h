#pragma once

#include <functional>

namespace hearth {

/// Returns the most resident memory during one call of `run`, above the memory before the call, in
/// MB. Calls `run` once before, so that memory of the first call alone does not count, and then
/// gives freed memory back to the system. Linux only.
double PeakExtraMegabytes(const std::function<void()>& run);

}  // namespace hearth

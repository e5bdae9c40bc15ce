#pragma once

#include <atomic>

namespace hearth {

/// From now on USR2, TERM and INT ask for a commit and a stop instead of ending the process; a
/// second INT ends it. The flag is set by the handlers and read at step edges.
const std::atomic<bool>& CatchStopSignals();

}  // namespace hearth

#pragma once

#include <atomic>

namespace hearth {

/// Makes USR2, TERM and INT ask for a commit and a stop from now on, instead of ending the process;
/// a second INT ends it. The handlers set the flag, and training reads it between steps.
const std::atomic<bool>& CatchStopSignals();

}  // namespace hearth

#pragma once

#include <future>

namespace hearth {

/// Counts the cores that the calling thread may run on: the cores a launcher bound it to, else all.
/// Returns at least 1.
int UsableCores();

/// Returns the policy for std::async work that nobody waits for yet. Several cores: a thread beside
/// the caller runs it. One core: the caller runs it when asking for the result, because a thread
/// would only take turns with a caller that waits for peers.
std::launch BackgroundLaunch();

}  // namespace hearth

#pragma once

#include <future>

namespace hearth {

/// Cores that the calling thread may run on: those a launcher bound it to, else all. At least 1.
int UsableCores();

/// How std::async runs what nobody waits for yet: by a thread beside the caller, or, with one core,
/// when the caller asks for it. There a thread would only take turns with one that waits for peers.
std::launch BesideTheCaller();

}  // namespace hearth

#pragma once

#include <memory>

#include "cluster/nccl_api.h"

namespace hearth {

/// Returns true in the CUDA flavour, since that build has NCCL.
bool NcclIsBuilt();

/// Opens NCCL and the CUDA runtime on the device with this index, with a stream of its own. Calls
/// may come from any thread, one at a time, and leave the thread's current device as it was. Throws
/// ConfigError when this build has no NCCL or the process sees no such device, and CommError when
/// CUDA cannot make the stream.
std::unique_ptr<NcclApi> MakeNcclLibrary(int device);

}  // namespace hearth

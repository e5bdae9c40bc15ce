#pragma once

#include <vector>

#include "trainer/gradient/fused_chunk.h"

namespace hearth {

/// DifferentiateHead for tensors on a CUDA device, where those of the result are as well. Queued on
/// LibTorch's current stream of that device, and finished when the call returns. The same bits
/// every time. A CPU build has no such tensors: a call is a bug there and ends the process.
template <typename Real>
HeadChunkGradient DifferentiateHeadOnDevice(const HeadShape& shape, const std::vector<Real>& tail,
                                            const std::vector<Real>& rates, double output_offset,
                                            const HeadChunk& chunk);

}  // namespace hearth

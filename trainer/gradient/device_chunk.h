#pragma once

#include <vector>

#include "trainer/gradient/fused_chunk.h"

namespace hearth {

/// DifferentiateHead for tensors on a CUDA device; the tensors of the result are on it as well. The
/// work is queued on LibTorch's current stream of that device and is finished when the call
/// returns. Equal inputs give equal bits. A CPU build has no CUDA tensors: there a call is a bug
/// and ends the process.
template <typename Real>
HeadChunkGradient DifferentiateHeadOnDevice(const HeadShape& shape, const std::vector<Real>& tail,
                                            const std::vector<Real>& rates, double output_offset,
                                            const HeadChunk& chunk);

}  // namespace hearth

#pragma once

#include <memory>
#include <span>
#include <vector>

#include "trainer/gradient/engine.h"
#include "trainer/gradient/fused_chunk.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// What lies between the parameters of a chunk and the inputs of its adapted head.
class HeadInputs {
 public:
  virtual ~HeadInputs() = default;

  /// Fills in the tensors of `head`, whose rows are packed; may give every row an item of its own.
  virtual void Forward(HeadChunk& head) = 0;

  /// Writes the gradients of W_0 and of every parameter below it into `result`, whose dense
  /// gradient is zero, and makes its row gradients.
  virtual void Backward(const HeadChunkGradient& gradient, ChunkResult& result) = 0;
};

/// The first `below` layers of the head do not adapt. rows: [table] GatherTableRows of the
/// batch; dense: MetaParameters::dense. `batch` must outlive the inputs; all tensors are on the
/// device of the parameters. By hand where the head says what encodes its inputs and all of its
/// layers adapt, else by autograd.
std::unique_ptr<HeadInputs> MakeHeadInputs(const Learner& learner, int64_t below,
                                           const ChunkBatch& batch, std::vector<at::Tensor> rows,
                                           const at::Tensor& dense);

}  // namespace hearth

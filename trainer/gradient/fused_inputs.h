#pragma once

#include <memory>
#include <span>
#include <vector>

#include "trainer/gradient/engine.h"
#include "trainer/gradient/fused_chunk.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// The computation from the parameters to the inputs of the adapted head, for one chunk.
class HeadInputs {
 public:
  virtual ~HeadInputs() = default;

  /// Fills in the tensors of `head`, whose rows are packed. It may give every row its own item.
  virtual void Forward(HeadChunk& head) = 0;

  /// Writes the gradients of W_0 and of every parameter below it into the dense gradient of
  /// `result`, which is zero before, and makes the row gradients of `result`.
  virtual void Backward(const HeadChunkGradient& gradient, ChunkResult& result) = 0;
};

/// The first `below` layers of the head do not adapt. rows: [table] GatherTableRows of the
/// batch; dense: MetaParameters::dense. `batch` must outlive the inputs; all tensors are on the
/// device of the parameters. The gradients are derived by hand if all layers of the head adapt and
/// the model names the encoders of their inputs; else autograd makes them.
std::unique_ptr<HeadInputs> MakeHeadInputs(const Learner& learner, int64_t below,
                                           const ChunkBatch& batch, std::vector<at::Tensor> rows,
                                           const at::Tensor& dense);

}  // namespace hearth

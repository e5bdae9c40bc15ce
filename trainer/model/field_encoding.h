#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/model/chunk_batch.h"

namespace hearth {

/// How the vectors of an entity's fields become one.
enum class FieldCombination {
  kConcatenate,  ///< one after the other, in field order
  kSum,
};

/// The vectors of a list of entities, as one differentiable operator. It is linear in `parts`, one
/// per field of the batch: the embedding rows [rows, dim] that FieldBatch::index points into, or
/// the projection [numbers, dim] of a numeric field. An entity's vector of a field is the mean of
/// its rows (zero without any), or its numbers times the projection. Differentiable any number of
/// times.
/// Returns [entity, dim], or [entity, fields * dim] when they are concatenated.
at::Tensor EncodeFields(const EntityBatch& batch, const std::vector<at::Tensor>& parts,
                        FieldCombination combination);

}  // namespace hearth

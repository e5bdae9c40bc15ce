#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/model/chunk_batch.h"

namespace hearth {

/// How the entities of some rows enter one field, in a form that does not depend on the chunk: two
/// rows of different chunks can be compared.
struct FieldKeys {
  at::Tensor ids = {};  ///< categorical: int64 [tasks, rows, n] table rows, -1 in the padding
  at::Tensor weights =
      {};  ///< categorical: [tasks, rows] 1 / ids of the entity; undefined: n = 1 each
  at::Tensor numbers = {};  ///< numeric: [tasks, rows, width], standardised
};

/// [field] the keys of entities. entity: int64 [tasks, rows] positions in `entities`.
/// table_rows: [table] ChunkBatch::table_rows, from the first table of this side on.
std::vector<FieldKeys> KeysOf(const EntityBatch& entities,
                              std::span<const std::vector<int64_t>> table_rows,
                              const at::Tensor& entity);

/// A field's vector of an entity is linear in table rows (or in the projection of numbers):
/// v(e) = sum over r of c(e, r) part[r]. Returns the products of these coefficients for pairs of
/// rows, sum over r of c(left, r) c(right, r): how far the vector of the left row moves when the
/// part takes a gradient step for the right one. [tasks, left rows, right rows], of type `real`.
at::Tensor FieldGram(const FieldKeys& left, const FieldKeys& right, at::TensorOptions real);

}  // namespace hearth

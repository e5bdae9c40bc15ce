#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/model/chunk_batch.h"

namespace hearth {

/// The values of one field for the entities of some rows. The form does not depend on the chunk, so
/// rows of different chunks can be compared.
struct FieldKeys {
  at::Tensor ids = {};  ///< categorical: int64 [tasks, rows, n] table rows, -1 in the padding
  /// categorical: [tasks, rows] 1 / ids of the entity; undefined: every entity has one id.
  at::Tensor weights = {};
  at::Tensor numbers = {};  ///< numeric: [tasks, rows, width], standardised
};

/// Returns the keys of rows: [field]. entity: int64 [tasks, rows] positions in `entities`.
/// table_rows: [table] ChunkBatch::table_rows, beginning with the first table of this side.
std::vector<FieldKeys> KeysOf(const EntityBatch& entities,
                              std::span<const std::vector<int64_t>> table_rows,
                              const at::Tensor& entity);

/// A field's vector of an entity is linear in the rows of a matrix `part` (the table, or the
/// projection of numbers): v(e) = sum over r of c(e, r) part[r]. Returns for each pair of rows the
/// product sum over r of c(left, r) c(right, r). The product says how far the vector of the left
/// row moves when `part` takes a gradient step for the right row. Shape: [tasks, left rows, right
/// rows], of type `real`.
at::Tensor FieldGram(const FieldKeys& left, const FieldKeys& right, at::TensorOptions real);

}  // namespace hearth

#pragma once

#include <cstdint>

namespace hearth {

/// A categorical field of a list of entities: the table rows that make up each entity's vector.
template <typename Real>
struct FieldRows {
  const int64_t* index = nullptr;       ///< [id] table row of each id
  const int64_t* entity = nullptr;      ///< [id] ascending; nullptr: id i belongs to entity i
  const Real* inverse_count = nullptr;  ///< [entity] 1 / ids of the entity; set with `entity`
  int64_t id_count = 0;
  int64_t dim = 0;
};

/// Adds to each vectors[entity] the mean of the entity's table rows. rows: [row, dim]. The vectors
/// lie `stride` apart.
template <typename Real>
void AddFieldVectors(const FieldRows<Real>& field, const Real* rows, Real* vectors, int64_t stride);

/// The adjoint of AddFieldVectors: adds to each rows[row] its share of the gradients `vectors` of
/// all vectors that the row is part of.
template <typename Real>
void AddFieldVectorsAdjoint(const FieldRows<Real>& field, const Real* vectors, int64_t stride,
                            Real* rows);

}  // namespace hearth

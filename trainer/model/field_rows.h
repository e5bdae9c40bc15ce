#pragma once

#include <cstdint>

namespace hearth {

/// A categorical field of a list of entities: which rows make up the vector of each.
template <typename Real>
struct FieldRows {
  const int64_t* index = nullptr;       ///< [id] row of each id
  const int64_t* entity = nullptr;      ///< [id] ascending; nullptr: the i-th id is entity i's
  const Real* inverse_count = nullptr;  ///< [entity] with `entity`: 1 / ids of the entity
  int64_t id_count = 0;
  int64_t dim = 0;
};

/// vectors[entity] += the mean of the entity's rows; rows [row, dim], vectors `stride` apart.
template <typename Real>
void AddFieldVectors(const FieldRows<Real>& field, const Real* rows, Real* vectors, int64_t stride);

/// The adjoint of AddFieldVectors: rows[row] += what flows back from the vectors it is part of.
template <typename Real>
void AddFieldVectorsAdjoint(const FieldRows<Real>& field, const Real* vectors, int64_t stride,
                            Real* rows);

}  // namespace hearth

#include "trainer/model/field_rows.h"

namespace hearth {
namespace {

// Calls add(table row, entity, weight) for every id, in order.
template <typename Real, typename Add>
void ForEachId(const FieldRows<Real>& field, const Add& add) {
  if (field.entity == nullptr) {
    for (int64_t i = 0; i < field.id_count; ++i) add(field.index[i], i, Real(1));
    return;
  }
  for (int64_t i = 0; i < field.id_count; ++i) {
    add(field.index[i], field.entity[i], field.inverse_count[field.entity[i]]);
  }
}

template <typename Real>
inline void AddScaled(const Real* __restrict from, Real scale, int64_t count, Real* __restrict to) {
  for (int64_t j = 0; j < count; ++j) to[j] += scale * from[j];
}

}  // namespace

template <typename Real>
void AddFieldVectors(const FieldRows<Real>& field, const Real* rows, Real* vectors,
                     int64_t stride) {
  ForEachId(field, [&](int64_t row, int64_t entity, Real weight) {
    AddScaled(rows + row * field.dim, weight, field.dim, vectors + entity * stride);
  });
}

template <typename Real>
void AddFieldVectorsAdjoint(const FieldRows<Real>& field, const Real* vectors, int64_t stride,
                            Real* rows) {
  ForEachId(field, [&](int64_t row, int64_t entity, Real weight) {
    AddScaled(vectors + entity * stride, weight, field.dim, rows + row * field.dim);
  });
}

template void AddFieldVectors(const FieldRows<float>&, const float*, float*, int64_t);
template void AddFieldVectors(const FieldRows<double>&, const double*, double*, int64_t);
template void AddFieldVectorsAdjoint(const FieldRows<float>&, const float*, int64_t, float*);
template void AddFieldVectorsAdjoint(const FieldRows<double>&, const double*, int64_t, double*);

}  // namespace hearth

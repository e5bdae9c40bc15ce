#pragma once

#include <string>
#include <vector>

#include "trainer/adapt/adaptation.h"
#include "trainer/adapt/inner_rates.h"
#include "trainer/model/field_keys.h"

namespace hearth {

/// The fast weights of the encoders for one field: table rows or a projection of numbers. A field's
/// vector of an entity is linear in these weights, so the adapted weights are never formed. After
/// gradient steps
///   v'(e) = v(e) - sum over support rows s of gram(e, s) change[s].
/// `change` sums the inner gradients by the support's vectors, times inner rates. gram(e, s) is a
/// product of coefficients (FieldGram); it uses no parameter.
struct FastField {
  std::string name;   ///< FieldSchema::name
  FieldKeys support;  ///< keys of the support rows (task side: keys of the owner)
  at::Tensor change;  ///< [tasks, support rows, dim]; undefined: no step was taken
};
struct FastRows {
  std::vector<FastField> tasks, items;  ///< [field]
};

/// The vectors of some rows before the head's inputs are made of them. `items` has the items of the
/// rows, then the items of their negatives.
struct RowVectors {
  at::Tensor tasks;  ///< [tasks, 1, a] the owner of each task
  at::Tensor items;  ///< [tasks, rows + rows * negatives, b]
};
RowVectors VectorsOf(const LabelledRows& rows);

/// The FieldGram of some rows with the support rows, for each field.
struct RowGrams {
  std::vector<at::Tensor> tasks;  ///< [field] [tasks, 1, 1]
  std::vector<at::Tensor> items;  ///< [field] [tasks, rows, support rows]
};

/// Makes the fast rows before the first step.
FastRows StartFastRows(const EntityEncoders& encoders, const EncodedChunk& chunk);
/// Computes the grams of the support rows with themselves.
RowGrams SupportGrams(const FastRows& fast, at::TensorOptions real);

/// Returns the vectors after adaptation.
RowVectors MovedVectors(const EntityEncoders& encoders, const RowVectors& vectors,
                        const RowGrams& grams, const FastRows& fast);
/// Returns the vectors of rows of any chunk after adaptation.
EncodedRows MovedRows(const EntityEncoders& encoders, const ChunkBatch& batch,
                      const EncodedRows& rows, const FastRows& fast);

/// Takes an inner step of the fast rows, given the gradients of the loss by the support's vectors.
void DescendRows(const EntityEncoders& encoders, const InnerRates& rates,
                 const ParameterValues& values, int64_t step, const RowVectors& gradients,
                 FastRows& fast);

/// Puts a field that has moved into a state.
void AddFieldToState(const FastField& field, TaskState& state);
/// Puts fast rows into a state, and reads them from a state. A state without fast rows gives empty
/// ones.
void AddToState(const FastRows& fast, TaskState& state);
FastRows FastRowsOf(const TaskState& state, const EntityEncoders& encoders);

}  // namespace hearth

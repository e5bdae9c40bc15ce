#pragma once

#include <string>
#include <vector>

#include "trainer/adapt/adaptation.h"
#include "trainer/adapt/inner_rates.h"
#include "trainer/model/field_keys.h"

namespace hearth {

/// Fast weights of the encoders: table rows and projections of numbers. No fast row is formed,
/// because a field's vector of an entity is linear in them. After gradient steps
///   v'(e) = v(e) - sum over support rows s of gram(e, s) change[s],
/// with the inner gradients by the vectors of the support, times inner rates, as `change`, and
/// products of coefficients (FieldGram) that no parameter enters.
struct FastField {
  std::string name;   ///< FieldSchema::name
  FieldKeys support;  ///< keys of the support rows (task side: of the owner)
  at::Tensor change;  ///< [tasks, support rows, dim]; undefined: no step was taken
};
struct FastRows {
  std::vector<FastField> tasks, items;  ///< [field]
};

/// The vectors that the head reads of some rows, before they are joined: the owner of each task,
/// and the items of the rows, then of their negatives.
struct RowVectors {
  at::Tensor tasks;  ///< [tasks, 1, a]
  at::Tensor items;  ///< [tasks, rows + rows * negatives, b]
};
RowVectors VectorsOf(const LabelledRows& rows);

/// [field] FieldGrams of some rows with the support rows.
struct RowGrams {
  std::vector<at::Tensor> tasks;  ///< [field] [tasks, 1, 1]
  std::vector<at::Tensor> items;  ///< [field] [tasks, rows, support rows]
};

/// Fast rows before the first step.
FastRows StartFastRows(const EntityEncoders& encoders, const EncodedChunk& chunk);
/// Grams of the support rows with themselves.
RowGrams SupportGrams(const FastRows& fast, at::TensorOptions real);

/// The vectors after adaptation.
RowVectors MovedVectors(const EntityEncoders& encoders, const RowVectors& vectors,
                        const RowGrams& grams, const FastRows& fast);
/// The same for rows of any chunk.
EncodedRows MovedRows(const EntityEncoders& encoders, const ChunkBatch& batch,
                      const EncodedRows& rows, const FastRows& fast);

/// Takes an inner step, given the gradients of the loss by the support's vectors.
void DescendRows(const EntityEncoders& encoders, const InnerRates& rates,
                 const ParameterValues& values, int64_t step, const RowVectors& gradients,
                 FastRows& fast);

/// Puts a field that has moved into a state.
void AddFieldToState(const FastField& field, TaskState& state);
/// Puts fast rows into a state and reads them from one. A state without them gives empty rows.
void AddToState(const FastRows& fast, TaskState& state);
FastRows FastRowsOf(const TaskState& state, const EntityEncoders& encoders);

}  // namespace hearth

#pragma once

#include <vector>

#include "trainer/adapt/inner_rates.h"
#include "trainer/adapt/task_loss.h"
#include "trainer/model/field_encoder.h"

namespace hearth {

/// Fast weights of what encodes entities: embedding rows and projections of numbers. They are never
/// formed: a field's vector of an entity is linear in them, so after gradient steps
///   v'(entity) = v(entity) - sum over occurrences o of gram(entity, o) delta[o],
/// with the gradients of the loss by the vectors that the task's support has met, times inner
/// rates, and products of coefficients (FieldGram) that no parameter changes. Sides of the model
/// are apart. Empty where rows do not adapt or no step was taken.
struct FastRows {
  std::vector<at::Tensor> tasks;  ///< [field] [tasks, 1, dim]
  std::vector<at::Tensor> items;  ///< [field] [tasks, occurrences, dim]
};

/// Vectors of entities as rows of a batch meet them: the owner of each task, and the items of the
/// rows, then of their negatives.
struct MetVectors {
  at::Tensor tasks;  ///< [tasks, 1, a]
  at::Tensor items;  ///< [tasks, rows + rows * negatives, b]
};

/// The FieldGrams of what some rows meet with what the support rows meet.
struct MetGrams {
  std::vector<at::Tensor> tasks;  ///< [field] [tasks, 1, 1]
  std::vector<at::Tensor> items;  ///< [field] [tasks, met, met by the support]
};

/// tasks [tasks, a], items [unique, b]: vectors of a chunk.
MetVectors MeetVectors(const at::Tensor& tasks, const at::Tensor& items, const RowBatch& rows);
MetGrams MeetSupport(const ChunkBatch& batch, const RowBatch& rows);

/// The vectors after adaptation.
MetVectors Adapted(const Recommender& model, const MetVectors& vectors, const MetGrams& grams,
                   const FastRows& rows);

/// What Score reads of rows that meet these vectors; there are `row_count` rows per task.
RowInputs InputsOf(const Recommender& model, const MetVectors& vectors, int64_t row_count);

/// Takes an inner step, given the gradients of the loss by the support's vectors. Units of tables
/// come after `adapted`, the units of parameters (InnerRates).
void Descend(const Recommender& model, const InnerRates& rates, const std::vector<int64_t>& adapted,
             const ParameterValues& values, int64_t step, const MetVectors& gradients,
             FastRows& rows);

/// Forms the fast weights of a batch of one task: subtracts their updates from the table rows that
/// the batch has gathered, `table_rows` [table] [rows, dim], and makes projections the task's own,
/// [1, numbers, dim].
void FormFastRows(const Recommender& model, const ChunkBatch& batch, const FastRows& rows,
                  ParameterValues& values, std::vector<at::Tensor>& table_rows);

}  // namespace hearth

#include "trainer/adapt/fast_rows.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "common/error.h"
#include "trainer/model/field_encoding.h"

namespace hearth {
namespace {

// Positions in ChunkBatch::items of the items of rows, then of their negatives.
at::Tensor MetItems(const RowBatch& rows) {
  if (!rows.negatives.defined()) return rows.entity;
  return at::cat({rows.entity, rows.negatives.reshape({rows.negatives.size(0), -1})}, 1);
}

std::vector<at::Tensor> Grams(const EntityBatch& entities, const at::Tensor& left,
                              const at::Tensor& right, at::TensorOptions real) {
  std::vector<at::Tensor> grams;
  for (const FieldBatch& field : entities.fields) {
    grams.push_back(FieldGram(field, entities.count, left, right, real));
  }
  return grams;
}

at::Tensor AdaptedSide(const FieldEncoder& encoder, const at::Tensor& vectors,
                       const std::vector<at::Tensor>& grams,
                       const std::vector<at::Tensor>& deltas) {
  if (deltas.empty()) return vectors;
  std::vector<at::Tensor> changes;
  for (size_t f = 0; f < deltas.size(); ++f) changes.push_back(at::bmm(grams[f], deltas[f]));
  return encoder.Minus(vectors, changes);
}

// The unit of inner rates of what a field's vectors are made of.
size_t UnitOf(const FieldEncoder::Source& source, const std::vector<int64_t>& adapted) {
  if (source.table >= 0) return adapted.size() + static_cast<size_t>(source.table);
  const auto place = std::ranges::find(adapted, source.projection);
  HEARTH_CHECK(place != adapted.end());
  return static_cast<size_t>(place - adapted.begin());
}

void FormSide(const FieldEncoder& encoder, const EntityBatch& entities, const at::Tensor& met,
              const std::vector<at::Tensor>& deltas, ParameterValues& values,
              std::vector<at::Tensor>& table_rows) {
  for (size_t f = 0; f < deltas.size(); ++f) {
    const at::Tensor delta = deltas[f].select(0, 0);
    const at::Tensor vectors = at::zeros({entities.count, delta.size(1)}, delta.options())
                                   .index_add_(0, met.select(0, 0), delta);
    const FieldEncoder::Source& source = encoder.fields()[f];
    const bool is_table = source.table >= 0;
    at::Tensor& part = is_table ? table_rows[static_cast<size_t>(source.table)]
                                : values[static_cast<size_t>(source.projection)];
    const at::Tensor change = at::zeros_like(part);
    AddPartGradient(entities.fields[f], vectors, change);
    part = part - change;
    if (!is_table) part = part.unsqueeze(0);
  }
}

}  // namespace

MetVectors MeetVectors(const at::Tensor& tasks, const at::Tensor& items, const RowBatch& rows) {
  return {.tasks = tasks.unsqueeze(1), .items = GatherRows(items, MetItems(rows))};
}

MetGrams MeetSupport(const ChunkBatch& batch, const RowBatch& rows) {
  const at::TensorOptions real = batch.support.labels.options();
  const at::Tensor owners = at::arange(batch.tasks.count, rows.entity.options()).unsqueeze(1);
  return {.tasks = Grams(batch.tasks, owners, owners, real),
          .items = Grams(batch.items, MetItems(rows), MetItems(batch.support), real)};
}

MetVectors Adapted(const Recommender& model, const MetVectors& vectors, const MetGrams& grams,
                   const FastRows& rows) {
  const EntityEncoders encoders = model.encoders();
  return {.tasks = AdaptedSide(*encoders.tasks, vectors.tasks, grams.tasks, rows.tasks),
          .items = AdaptedSide(*encoders.items, vectors.items, grams.items, rows.items)};
}

RowInputs InputsOf(const Recommender& model, const MetVectors& vectors, int64_t row_count) {
  const at::Tensor tasks = vectors.tasks.squeeze(1);
  const int64_t negatives = vectors.items.size(1) - row_count;
  RowInputs inputs{.rows = model.MakeInputs(tasks, vectors.items.narrow(1, 0, row_count)),
                   .negatives = {}};
  if (negatives > 0) {
    inputs.negatives = model.MakeInputs(tasks, vectors.items.narrow(1, row_count, negatives));
  }
  return inputs;
}

void Descend(const Recommender& model, const InnerRates& rates, const std::vector<int64_t>& adapted,
             const ParameterValues& values, int64_t step, const MetVectors& gradients,
             FastRows& rows) {
  const auto descend = [&](const FieldEncoder& encoder, const at::Tensor& gradient,
                           std::vector<at::Tensor>& deltas) {
    const bool first = deltas.empty();
    for (int64_t f = 0; gradient.defined() && f < encoder.field_count(); ++f) {
      const auto i = static_cast<size_t>(f);
      const at::Tensor delta = rates.Scale(values, step, UnitOf(encoder.fields()[i], adapted),
                                           encoder.OfField(gradient, f));
      if (first) {
        deltas.push_back(delta);
      } else {
        deltas[i] = deltas[i] + delta;
      }
    }
  };
  descend(*model.encoders().tasks, gradients.tasks, rows.tasks);
  descend(*model.encoders().items, gradients.items, rows.items);
}

void FormFastRows(const Recommender& model, const ChunkBatch& batch, const FastRows& rows,
                  ParameterValues& values, std::vector<at::Tensor>& table_rows) {
  HEARTH_CHECK(batch.task_count == 1);
  const EntityEncoders encoders = model.encoders();
  const at::Tensor owner = at::zeros({1, 1}, batch.support.entity.options());
  FormSide(*encoders.tasks, batch.tasks, owner, rows.tasks, values, table_rows);
  FormSide(*encoders.items, batch.items, MetItems(batch.support), rows.items, values, table_rows);
}

}  // namespace hearth

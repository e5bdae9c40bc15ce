#include "trainer/adapt/fast_rows.h"

#include <algorithm>
#include <span>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>

namespace hearth {
namespace {

at::Tensor OwnerPositions(const ChunkBatch& batch, const at::TensorOptions& integer) {
  return at::arange(batch.tasks.count, integer).unsqueeze(1);
}

// The positions of the support rows' items, then the positions of their negatives.
at::Tensor SupportItems(const LabelledRows& support) {
  if (!support.negatives.defined()) return support.rows.entity;
  return at::cat({support.rows.entity, support.negatives.entity}, 1);
}

std::span<const std::vector<int64_t>> ItemTables(const ChunkBatch& batch) {
  const auto of_tasks = std::ranges::count_if(
      batch.tasks.fields, [](const FieldBatch& field) { return field.index.defined(); });
  return std::span(batch.table_rows).subspan(of_tasks);
}

std::vector<FastField> StartSide(const FieldEncoder& encoder, std::vector<FieldKeys> keys) {
  std::vector<FastField> fields;
  for (size_t f = 0; f < keys.size(); ++f) {
    fields.push_back(
        {.name = encoder.fields()[f].name, .support = std::move(keys[f]), .change = {}});
  }
  return fields;
}

std::vector<at::Tensor> GramsWith(const std::vector<FieldKeys>& rows,
                                  const std::vector<FastField>& fast, at::TensorOptions real) {
  std::vector<at::Tensor> grams;
  for (size_t f = 0; f < fast.size(); ++f) {
    grams.push_back(FieldGram(rows[f], fast[f].support, real));
  }
  return grams;
}

std::vector<at::Tensor> OwnGrams(const std::vector<FastField>& fast, at::TensorOptions real) {
  std::vector<at::Tensor> grams;
  for (const FastField& field : fast) {
    grams.push_back(FieldGram(field.support, field.support, real));
  }
  return grams;
}

bool HasMoved(const std::vector<FastField>& fast) {
  return !fast.empty() && fast.front().change.defined();
}

at::Tensor MovedSide(const FieldEncoder& encoder, const at::Tensor& vectors,
                     const std::vector<at::Tensor>& grams, const std::vector<FastField>& fast) {
  if (!HasMoved(fast)) return vectors;
  std::vector<at::Tensor> changes;
  for (size_t f = 0; f < fast.size(); ++f) changes.push_back(at::bmm(grams[f], fast[f].change));
  return encoder.Minus(vectors, changes);
}

void AddSide(const std::vector<FastField>& fast, TaskState& state) {
  if (!HasMoved(fast)) return;
  for (const FastField& field : fast) AddFieldToState(field, state);
}

std::vector<FastField> SideOf(const TaskState& state, const FieldEncoder& encoder) {
  const auto find = [&](const FieldEncoder::Source& source, const char* part) {
    const at::Tensor* tensor = state.Find(source.name + part);
    return tensor == nullptr ? at::Tensor() : *tensor;
  };
  std::vector<FastField> fields;
  for (const FieldEncoder::Source& source : encoder.fields()) {
    FastField field{.name = source.name,
                    .support = {.ids = find(source, "/ids"),
                                .weights = find(source, "/weights"),
                                .numbers = find(source, "/numbers")},
                    .change = find(source, "/change")};
    if (!field.change.defined()) return {};
    fields.push_back(std::move(field));
  }
  return fields;
}

}  // namespace

RowVectors VectorsOf(const LabelledRows& rows) {
  if (!rows.negatives.defined()) return {.tasks = rows.rows.context, .items = rows.rows.items};
  return {.tasks = rows.rows.context, .items = at::cat({rows.rows.items, rows.negatives.items}, 1)};
}

FastRows StartFastRows(const EntityEncoders& encoders, const EncodedChunk& chunk) {
  const ChunkBatch& batch = chunk.batch;
  const at::Tensor items = SupportItems(chunk.support);
  const at::Tensor owners = OwnerPositions(batch, items.options());
  return {.tasks = StartSide(encoders.tasks, KeysOf(batch.tasks, batch.table_rows, owners)),
          .items = StartSide(encoders.items, KeysOf(batch.items, ItemTables(batch), items))};
}

RowGrams SupportGrams(const FastRows& fast, at::TensorOptions real) {
  return {.tasks = OwnGrams(fast.tasks, real), .items = OwnGrams(fast.items, real)};
}

RowVectors MovedVectors(const EntityEncoders& encoders, const RowVectors& vectors,
                        const RowGrams& grams, const FastRows& fast) {
  return {.tasks = MovedSide(encoders.tasks, vectors.tasks, grams.tasks, fast.tasks),
          .items = MovedSide(encoders.items, vectors.items, grams.items, fast.items)};
}

EncodedRows MovedRows(const EntityEncoders& encoders, const ChunkBatch& batch,
                      const EncodedRows& rows, const FastRows& fast) {
  const at::TensorOptions real = rows.items.options().requires_grad(false);
  EncodedRows moved = rows;
  if (HasMoved(fast.tasks)) {
    const auto keys =
        KeysOf(batch.tasks, batch.table_rows, OwnerPositions(batch, rows.entity.options()));
    moved.context =
        MovedSide(encoders.tasks, rows.context, GramsWith(keys, fast.tasks, real), fast.tasks);
  }
  if (HasMoved(fast.items)) {
    const auto keys = KeysOf(batch.items, ItemTables(batch), rows.entity);
    moved.items =
        MovedSide(encoders.items, rows.items, GramsWith(keys, fast.items, real), fast.items);
  }
  return moved;
}

void DescendRows(const EntityEncoders& encoders, const InnerRates& rates,
                 const ParameterValues& values, int64_t step, const RowVectors& gradients,
                 FastRows& fast) {
  const auto descend = [&](const FieldEncoder& encoder, const at::Tensor& gradient,
                           std::vector<FastField>& side) {
    for (int64_t f = 0; gradient.defined() && f < encoder.field_count(); ++f) {
      const FieldEncoder::Source& source = encoder.fields()[f];
      const int64_t unit = source.table >= 0 ? rates.UnitOfTable(source.table)
                                             : rates.UnitOfParameter(source.projection);
      const at::Tensor step_change = rates.Scale(values, step, unit, encoder.OfField(gradient, f));
      at::Tensor& change = side[f].change;
      change = change.defined() ? change + step_change : step_change;
    }
  };
  descend(encoders.tasks, gradients.tasks, fast.tasks);
  descend(encoders.items, gradients.items, fast.items);
}

void AddFieldToState(const FastField& field, TaskState& state) {
  const auto add = [&](const char* part, const at::Tensor& tensor) {
    if (tensor.defined()) state.Add(field.name + part, tensor);
  };
  add("/ids", field.support.ids);
  add("/weights", field.support.weights);
  add("/numbers", field.support.numbers);
  add("/change", field.change);
}

void AddToState(const FastRows& fast, TaskState& state) {
  AddSide(fast.tasks, state);
  AddSide(fast.items, state);
}

FastRows FastRowsOf(const TaskState& state, const EntityEncoders& encoders) {
  return {.tasks = SideOf(state, encoders.tasks), .items = SideOf(state, encoders.items)};
}

}  // namespace hearth

#include "trainer/model/field_encoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/zeros.h>

namespace hearth {

FieldEncoder::FieldEncoder(const EntityFields& fields, int64_t dim, double init_scale,
                           ParameterLayout& layout, std::vector<TableSpec>& tables)
    : dim_(dim) {
  for (const Field& field : fields.fields()) {
    Source source;
    if (field.is_categorical()) {
      source.table = static_cast<int64_t>(tables.size());
      tables.push_back({.name = field.name,
                        .row_count = field.vocabulary_size,
                        .dim = dim,
                        .init_scale = init_scale});
    } else {
      source.projection = layout.Add({.name = field.name + ".projection",
                                      .shape = {field.width, dim},
                                      .init = ParameterInit::kZero});
    }
    fields_.push_back(source);
  }
}

std::vector<at::Tensor> FieldEncoder::Encode(const ParameterValues& values,
                                             const EntityBatch& batch,
                                             const std::vector<at::Tensor>& rows) const {
  std::vector<at::Tensor> encoded;
  for (size_t f = 0; f < fields_.size(); ++f) {
    const FieldBatch& field = batch.fields[f];
    if (fields_[f].projection >= 0) {
      encoded.push_back(at::mm(field.numbers, values[static_cast<size_t>(fields_[f].projection)]));
      continue;
    }
    const at::Tensor& table = rows[static_cast<size_t>(fields_[f].table)];
    const at::Tensor picked = at::index_select(table, 0, field.index);
    if (!field.segment.defined()) {
      encoded.push_back(picked);
      continue;
    }
    const at::Tensor zero = at::zeros({batch.count, dim_}, table.options());
    encoded.push_back(at::index_add(zero, 0, field.segment, picked) * field.inverse_count);
  }
  return encoded;
}

}  // namespace hearth

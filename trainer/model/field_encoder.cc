#include "trainer/model/field_encoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

namespace hearth {

FieldEncoder::FieldEncoder(const std::vector<FieldSchema>& fields, int64_t dim, double init_scale,
                           FieldCombination combination, ParameterLayout& layout,
                           std::vector<TableSpec>& tables)
    : dim_(dim), combination_(combination) {
  for (const FieldSchema& field : fields) {
    Source source{.name = field.name};
    if (field.is_categorical()) {
      source.table = std::ssize(tables);
      tables.push_back(
          {.name = field.name, .row_count = field.row_count, .dim = dim, .init_scale = init_scale});
    } else {
      source.projection = layout.Add({.name = field.name + ".projection",
                                      .shape = {field.width(), dim},
                                      .init = ParameterInit::kZero});
    }
    fields_.push_back(source);
  }
}

int64_t FieldEncoder::width() const {
  return combination_ == FieldCombination::kSum ? dim_ : field_count() * dim_;
}

at::Tensor FieldEncoder::OfField(const at::Tensor& vectors, int64_t field) const {
  return combination_ == FieldCombination::kSum ? vectors : vectors.narrow(-1, field * dim_, dim_);
}

at::Tensor FieldEncoder::Minus(const at::Tensor& vectors,
                               const std::vector<at::Tensor>& changes) const {
  if (combination_ == FieldCombination::kConcatenate) return vectors - at::cat(changes, -1);
  at::Tensor difference = vectors;
  for (const at::Tensor& change : changes) difference = difference - change;
  return difference;
}

std::vector<at::Tensor> FieldEncoder::Parts(const ParameterValues& values,
                                            const std::vector<at::Tensor>& rows) const {
  std::vector<at::Tensor> parts;
  for (const Source& source : fields_) {
    if (source.projection < 0) {
      parts.push_back(rows[source.table]);
      continue;
    }
    const at::Tensor& projection = values[source.projection];
    parts.push_back(projection.dim() == 3 ? projection.squeeze(0) : projection);
  }
  return parts;
}

at::Tensor FieldEncoder::Encode(const ParameterValues& values, const EntityBatch& batch,
                                const std::vector<at::Tensor>& rows) const {
  if (fields_.empty()) {
    return at::zeros({batch.count, width()}, values[0].options().requires_grad(false));
  }
  return EncodeFields(batch, Parts(values, rows), combination_);
}

}  // namespace hearth

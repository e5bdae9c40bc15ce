#include "trainer/model/field_encoding.h"

#include <algorithm>
#include <memory>

#include <ATen/Dispatch.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/functions/utils.h>

#include "common/error.h"
#include "trainer/model/field_rows.h"

namespace hearth {
namespace {

using torch::autograd::variable_list;

template <typename Real>
FieldRows<Real> RowsOf(const FieldBatch& field, int64_t dim) {
  FieldRows<Real> rows{
      .index = field.index.const_data_ptr<int64_t>(), .id_count = field.index.size(0), .dim = dim};
  if (field.segment.defined()) {
    rows.entity = field.segment.const_data_ptr<int64_t>();
    rows.inverse_count = field.inverse_count.const_data_ptr<Real>();
  }
  return rows;
}

// Rows [i * size, (i + 1) * size) of a matrix.
at::Tensor RowBlock(const at::Tensor& matrix, int64_t i, int64_t size) {
  return matrix.narrow(0, i * size, size);
}

// The columns of `vectors` that belong to a field.
at::Tensor VectorsOfField(const at::Tensor& vectors, FieldCombination combination, int64_t field,
                          int64_t dim) {
  if (combination == FieldCombination::kSum) return vectors;
  return vectors.narrow(1, field * dim, dim);
}

// An encoding that an autograd graph may keep, with the sizes of its parts.
struct KeptEncoding {
  KeptEncoding(const EntityBatch& entities, FieldCombination combination,
               const variable_list& parts)
      : batch(entities), map(batch, combination) {
    for (const at::Tensor& part : parts) sizes.push_back(part.sizes().vec());
  }
  EntityBatch batch;
  FieldEncoding map;
  std::vector<std::vector<int64_t>> sizes;  // [part]
};

using EncodingPtr = std::shared_ptr<const KeptEncoding>;

at::Tensor Encode(const EncodingPtr& encoding, const variable_list& parts);
variable_list EncodeAdjoint(const EncodingPtr& encoding, const at::Tensor& gradient);

// The derivative of Encode is EncodeAdjoint, and the derivative of EncodeAdjoint is Encode.
class EncodeBackward : public torch::autograd::Node {
 public:
  explicit EncodeBackward(EncodingPtr encoding) : encoding_(std::move(encoding)) {}
  variable_list apply(variable_list&& gradients) override {
    return EncodeAdjoint(encoding_, gradients.front());
  }

 private:
  EncodingPtr encoding_;
};

class EncodeAdjointBackward : public torch::autograd::Node {
 public:
  explicit EncodeAdjointBackward(EncodingPtr encoding) : encoding_(std::move(encoding)) {}
  variable_list apply(variable_list&& gradients) override {
    const auto given = std::find_if(gradients.begin(), gradients.end(),
                                    [](const at::Tensor& gradient) { return gradient.defined(); });
    for (size_t f = 0; f < gradients.size(); ++f) {
      if (gradients[f].defined()) continue;
      gradients[f] = at::zeros(encoding_->sizes[f], given->options());
    }
    return {Encode(encoding_, gradients)};
  }

 private:
  EncodingPtr encoding_;
};

// Adds `outputs`, computed from `inputs`, to the autograd graph.
template <typename Backward>
void Record(const EncodingPtr& encoding, const variable_list& inputs, variable_list& outputs) {
  if (!at::GradMode::is_enabled() || !torch::autograd::any_variable_requires_grad(inputs)) return;
  const std::shared_ptr<Backward> node(new Backward(encoding), torch::autograd::deleteNode);
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  torch::autograd::set_history(outputs, node);
}

at::Tensor Encode(const EncodingPtr& encoding, const variable_list& parts) {
  variable_list vectors;
  {
    const at::NoGradGuard no_grad;
    vectors = {encoding->map.Apply(parts)};
  }
  Record<EncodeBackward>(encoding, parts, vectors);
  return vectors.front();
}

variable_list EncodeAdjoint(const EncodingPtr& encoding, const at::Tensor& gradient) {
  variable_list parts;
  {
    const at::NoGradGuard no_grad;
    for (const std::vector<int64_t>& size : encoding->sizes) {
      parts.push_back(at::zeros(size, gradient.options()));
    }
    encoding->map.AddAdjoint(gradient, parts);
  }
  Record<EncodeAdjointBackward>(encoding, {gradient}, parts);
  return parts;
}

}  // namespace

at::Tensor FieldEncoding::Apply(const std::vector<at::Tensor>& parts) const {
  const int64_t dim = parts.front().size(1);
  int64_t width = dim;
  if (combination_ == FieldCombination::kConcatenate) width *= std::ssize(parts);
  at::Tensor vectors =
      at::zeros({batch_.count, width}, parts.front().options().requires_grad(false));
  for (size_t f = 0; f < parts.size(); ++f) {
    AddVectors(batch_.fields[f], parts[f].contiguous(),
               VectorsOfField(vectors, combination_, f, dim));
  }
  return vectors;
}

void FieldEncoding::AddAdjoint(const at::Tensor& gradient,
                               std::vector<at::Tensor>& part_gradients) const {
  const at::Tensor vectors = gradient.contiguous();
  const int64_t dim = part_gradients.front().size(1);
  for (size_t f = 0; f < part_gradients.size(); ++f) {
    AddPartGradient(batch_.fields[f], VectorsOfField(vectors, combination_, f, dim),
                    part_gradients[f]);
  }
}

at::Tensor FieldEncoding::ApplyTimes(const std::vector<at::Tensor>& parts,
                                     const at::Tensor& weight) const {
  at::Tensor products = at::zeros({batch_.count, weight.size(1)}, weight.options());
  const int64_t dim = parts.front().size(1);
  for (size_t f = 0; f < parts.size(); ++f) {
    AddVectors(batch_.fields[f], at::mm(parts[f], RowBlock(weight, f, dim)), products);
  }
  return products;
}

void FieldEncoding::AddTimesAdjoint(const std::vector<at::Tensor>& parts, const at::Tensor& weight,
                                    const at::Tensor& gradient,
                                    std::vector<at::Tensor>& part_gradients,
                                    at::Tensor weight_gradient) const {
  const int64_t dim = parts.front().size(1);
  for (size_t f = 0; f < parts.size(); ++f) {
    at::Tensor sums = at::zeros({parts[f].size(0), weight.size(1)}, weight.options());
    AddPartGradient(batch_.fields[f], gradient, sums);
    part_gradients[f].addmm_(sums, RowBlock(weight, f, dim).t());
    at::Tensor block = RowBlock(weight_gradient, f, dim);
    at::mm_out(block, parts[f].t(), sums);
  }
}

void FieldEncoding::AddVectors(const FieldBatch& field, const at::Tensor& part,
                               at::Tensor vectors) const {
  const int64_t dim = part.size(1);
  if (field.numbers.defined()) {
    vectors.add_(at::mm(field.numbers, part));
  } else if (vectors.is_cpu()) {
    AT_DISPATCH_FLOATING_TYPES(part.scalar_type(), "AddFieldVectors", [&] {
      AddFieldVectors<scalar_t>(RowsOf<scalar_t>(field, dim), part.const_data_ptr<scalar_t>(),
                                vectors.mutable_data_ptr<scalar_t>(), vectors.stride(0));
    });
  } else {
    const at::Tensor picked = at::index_select(part, 0, field.index);
    if (field.segment.defined()) {
      const at::Tensor zero = at::zeros({batch_.count, dim}, part.options());
      vectors.add_(at::index_add(zero, 0, field.segment, picked) * field.inverse_count);
    } else {
      vectors.add_(picked);
    }
  }
}

void AddPartGradient(const FieldBatch& field, const at::Tensor& vectors, at::Tensor part) {
  if (field.numbers.defined()) {
    part.addmm_(field.numbers.t(), vectors);
  } else if (vectors.is_cpu()) {
    AT_DISPATCH_FLOATING_TYPES(vectors.scalar_type(), "AddFieldVectorsAdjoint", [&] {
      AddFieldVectorsAdjoint<scalar_t>(RowsOf<scalar_t>(field, part.size(1)),
                                       vectors.const_data_ptr<scalar_t>(), vectors.stride(0),
                                       part.mutable_data_ptr<scalar_t>());
    });
  } else if (field.segment.defined()) {
    part.index_add_(0, field.index,
                    at::index_select(vectors * field.inverse_count, 0, field.segment));
  } else {
    part.index_add_(0, field.index, vectors);
  }
}

at::Tensor EncodeFields(const EntityBatch& batch, const std::vector<at::Tensor>& parts,
                        FieldCombination combination) {
  HEARTH_CHECK(!parts.empty() && parts.size() == batch.fields.size());
  return Encode(std::make_shared<const KeptEncoding>(batch, combination, parts), parts);
}

}  // namespace hearth

#include "trainer/model/field_encoding.h"

#include <ATen/Dispatch.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/functions/utils.h>

#include "common/error.h"
#include "trainer/kernel/field_rows.h"

namespace hearth {
namespace {

using torch::autograd::variable_list;

// The linear map from the parts to the vectors, and its adjoint, without any graph.
class FieldEncoding {
 public:
  FieldEncoding(const EntityBatch& batch, const variable_list& parts, FieldCombination combination)
      : batch_(batch), combination_(combination), dim_(parts.front().size(1)) {
    for (const at::Tensor& part : parts) part_rows_.push_back(part.size(0));
  }

  at::Tensor Apply(const variable_list& parts) const {
    const auto fields = static_cast<int64_t>(parts.size());
    const bool wide = combination_ == FieldCombination::kConcatenate;
    at::Tensor vectors =
        at::zeros({batch_.count, wide ? fields * dim_ : dim_}, parts.front().options());
    for (size_t f = 0; f < parts.size(); ++f)
      AddVectors(f, parts[f].contiguous(), Slice(vectors, f));
    return vectors;
  }

  variable_list ApplyAdjoint(const at::Tensor& gradient) const {
    const at::Tensor vectors = gradient.contiguous();
    variable_list parts;
    for (size_t f = 0; f < part_rows_.size(); ++f)
      parts.push_back(PartGradient(f, Slice(vectors, f)));
    return parts;
  }

  // Gradients of parts with zeros for those that nothing flows into.
  variable_list WithZeros(variable_list gradients) const {
    at::TensorOptions options;
    for (const at::Tensor& gradient : gradients) {
      if (gradient.defined()) options = gradient.options();
    }
    for (size_t f = 0; f < gradients.size(); ++f) {
      if (!gradients[f].defined()) gradients[f] = at::zeros({part_rows_[f], dim_}, options);
    }
    return gradients;
  }

 private:
  // The columns of field f.
  at::Tensor Slice(const at::Tensor& vectors, size_t f) const {
    if (combination_ == FieldCombination::kSum) return vectors;
    return vectors.narrow(1, static_cast<int64_t>(f) * dim_, dim_);
  }

  template <typename Real>
  FieldRows<Real> Rows(size_t f) const {
    const FieldBatch& field = batch_.fields[f];
    FieldRows<Real> rows{.index = field.index.const_data_ptr<int64_t>(),
                         .id_count = field.index.size(0),
                         .dim = dim_};
    if (field.segment.defined()) {
      rows.entity = field.segment.const_data_ptr<int64_t>();
      rows.inverse_count = field.inverse_count.const_data_ptr<Real>();
    }
    return rows;
  }

  void AddVectors(size_t f, const at::Tensor& part, at::Tensor vectors) const {
    const FieldBatch& field = batch_.fields[f];
    if (field.numbers.defined()) {
      vectors.add_(at::mm(field.numbers, part));
    } else if (vectors.is_cpu()) {
      AT_DISPATCH_FLOATING_TYPES(part.scalar_type(), "AddFieldVectors", [&] {
        AddFieldVectors<scalar_t>(Rows<scalar_t>(f), part.const_data_ptr<scalar_t>(),
                                  vectors.mutable_data_ptr<scalar_t>(), vectors.stride(0));
      });
    } else {
      const at::Tensor picked = at::index_select(part, 0, field.index);
      if (field.segment.defined()) {
        const at::Tensor zero = at::zeros({batch_.count, dim_}, part.options());
        vectors.add_(at::index_add(zero, 0, field.segment, picked) * field.inverse_count);
      } else {
        vectors.add_(picked);
      }
    }
  }

  at::Tensor PartGradient(size_t f, const at::Tensor& vectors) const {
    const FieldBatch& field = batch_.fields[f];
    if (field.numbers.defined()) return at::mm(field.numbers.t(), vectors);
    at::Tensor rows = at::zeros({part_rows_[f], dim_}, vectors.options());
    if (vectors.is_cpu()) {
      AT_DISPATCH_FLOATING_TYPES(vectors.scalar_type(), "AddFieldVectorsAdjoint", [&] {
        AddFieldVectorsAdjoint<scalar_t>(Rows<scalar_t>(f), vectors.const_data_ptr<scalar_t>(),
                                         vectors.stride(0), rows.mutable_data_ptr<scalar_t>());
      });
      return rows;
    }
    if (!field.segment.defined()) return rows.index_add_(0, field.index, vectors);
    const at::Tensor spread = at::index_select(vectors * field.inverse_count, 0, field.segment);
    return rows.index_add_(0, field.index, spread);
  }

  EntityBatch batch_;
  FieldCombination combination_;
  int64_t dim_;
  std::vector<int64_t> part_rows_;  // [field]
};

using EncodingPtr = std::shared_ptr<const FieldEncoding>;

at::Tensor Encode(const EncodingPtr& encoding, const variable_list& parts);
variable_list EncodeAdjoint(const EncodingPtr& encoding, const at::Tensor& gradient);

// Each of the two is the other's derivative.
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
    return {Encode(encoding_, encoding_->WithZeros(gradients))};
  }

 private:
  EncodingPtr encoding_;
};

// Enters `outputs`, computed from `inputs`, into the graph.
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
    vectors = {encoding->Apply(parts)};
  }
  Record<EncodeBackward>(encoding, parts, vectors);
  return vectors.front();
}

variable_list EncodeAdjoint(const EncodingPtr& encoding, const at::Tensor& gradient) {
  variable_list parts;
  {
    const at::NoGradGuard no_grad;
    parts = encoding->ApplyAdjoint(gradient);
  }
  Record<EncodeAdjointBackward>(encoding, {gradient}, parts);
  return parts;
}

}  // namespace

at::Tensor EncodeFields(const EntityBatch& batch, const std::vector<at::Tensor>& parts,
                        FieldCombination combination) {
  HEARTH_CHECK(!parts.empty() && parts.size() == batch.fields.size());
  return Encode(std::make_shared<const FieldEncoding>(batch, parts, combination), parts);
}

}  // namespace hearth

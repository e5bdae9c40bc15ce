#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/model/chunk_batch.h"

namespace hearth {

/// How the vectors of an entity's fields become one.
enum class FieldCombination {
  kConcatenate,  ///< one after the other, in field order
  kSum,
};

/// The vectors of a list of entities as a linear map of `parts`, one per field of the batch: the
/// embedding rows [rows, dim] that FieldBatch::index points into, or the projection [numbers, dim]
/// of a numeric field. An entity's vector of a field is the mean of its rows (zero without any), or
/// its numbers times the projection. No function here records a graph; EncodeFields does.
class FieldEncoding {
 public:
  /// The batch must outlive the encoding. It has at least one field.
  FieldEncoding(const EntityBatch& batch, FieldCombination combination)
      : batch_(batch), combination_(combination) {}

  /// The vectors: [entity, dim], or [entity, fields * dim] when they are concatenated.
  at::Tensor Apply(const std::vector<at::Tensor>& parts) const;
  /// Adds the gradients of the parts, given that of the vectors.
  void AddAdjoint(const at::Tensor& gradient, std::vector<at::Tensor>& part_gradients) const;

  /// The concatenated vectors times a weight [fields * dim, out]: [entity, out]. Every part is
  /// multiplied once, however many entities share its rows.
  at::Tensor ApplyTimes(const std::vector<at::Tensor>& parts, const at::Tensor& weight) const;
  /// Adds the gradients of the parts and sets that of the weight, given that of the products.
  void AddTimesAdjoint(const std::vector<at::Tensor>& parts, const at::Tensor& weight,
                       const at::Tensor& gradient, std::vector<at::Tensor>& part_gradients,
                       at::Tensor weight_gradient) const;

 private:
  void AddVectors(const FieldBatch& field, const at::Tensor& part, at::Tensor vectors) const;

  const EntityBatch& batch_;
  FieldCombination combination_;
};

/// Adds to `part` [rows, dim] the gradient of the part of a field, given that of the field's
/// vectors [entity, dim].
void AddPartGradient(const FieldBatch& field, const at::Tensor& vectors, at::Tensor part);

/// FieldEncoding::Apply as a differentiable operator, any number of times.
at::Tensor EncodeFields(const EntityBatch& batch, const std::vector<at::Tensor>& parts,
                        FieldCombination combination);

}  // namespace hearth

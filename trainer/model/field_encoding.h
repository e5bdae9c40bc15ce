#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/model/chunk_batch.h"

namespace hearth {

/// The ways to combine the vectors of an entity's fields to one vector.
enum class FieldCombination {
  kConcatenate,  ///< one after the other, in field order
  kSum,
};

/// The linear map from learned matrices to the vectors of a list of entities. `parts` has a matrix
/// for each field of the batch: the table rows [rows, dim] that FieldBatch::index points into, or
/// the projection [numbers, dim] of a numeric field. An entity's vector of a field is the mean of
/// its table rows (zero if it has none), or its numbers times the projection. The
/// functions of this class record no autograd graph; EncodeFields does.
class FieldEncoding {
 public:
  /// The batch must outlive the encoding. It has at least one field.
  FieldEncoding(const EntityBatch& batch, FieldCombination combination)
      : batch_(batch), combination_(combination) {}

  /// Returns the vectors: [entity, dim], or [entity, fields * dim] when they are concatenated.
  at::Tensor Apply(const std::vector<at::Tensor>& parts) const;
  /// Adds to `part_gradients` the gradients of the parts, given the gradient of the vectors.
  void AddAdjoint(const at::Tensor& gradient, std::vector<at::Tensor>& part_gradients) const;

  /// Multiplies the concatenated vectors by a weight [fields * dim, out]: returns [entity, out].
  /// Every part is multiplied once, however many entities share its rows.
  at::Tensor ApplyTimes(const std::vector<at::Tensor>& parts, const at::Tensor& weight) const;
  /// Adds the gradients of the parts and sets the gradient of the weight, given the gradient of the
  /// products.
  void AddTimesAdjoint(const std::vector<at::Tensor>& parts, const at::Tensor& weight,
                       const at::Tensor& gradient, std::vector<at::Tensor>& part_gradients,
                       at::Tensor weight_gradient) const;

 private:
  void AddVectors(const FieldBatch& field, const at::Tensor& part, at::Tensor vectors) const;

  const EntityBatch& batch_;
  FieldCombination combination_;
};

/// Adds to `part` [rows, dim] the gradient of a field's part, given the gradient of the field's
/// vectors [entity, dim].
void AddPartGradient(const FieldBatch& field, const at::Tensor& vectors, at::Tensor part);

/// FieldEncoding::Apply as an operator that autograd can differentiate any number of times.
at::Tensor EncodeFields(const EntityBatch& batch, const std::vector<at::Tensor>& parts,
                        FieldCombination combination);

}  // namespace hearth

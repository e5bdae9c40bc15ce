#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/model/chunk_batch.h"
#include "trainer/model/field_encoding.h"
#include "trainer/model/input_schema.h"
#include "trainer/table/table_options.h"
#include "trainer/tensor/parameters.h"

namespace hearth {

/// Encodes the fields of one side of a model: each to a vector of `dim` numbers, the mean of the
/// embedding rows of its categories or a learned linear map of its numbers (field_encoding.h).
class FieldEncoder {
 public:
  /// Appends one table per categorical field to `tables` and one projection [width, dim] per
  /// numeric field to `layout`.
  FieldEncoder(const std::vector<FieldSchema>& fields, int64_t dim, double init_scale,
               FieldCombination combination, ParameterLayout& layout,
               std::vector<TableSpec>& tables);

  /// Where the vector of a field comes from: the rows of a table, or a projection.
  struct Source {
    std::string name;         ///< FieldSchema::name
    int64_t table = -1;       ///< categorical: index into the model's tables
    int64_t projection = -1;  ///< numeric: parameter index
  };

  const std::vector<Source>& fields() const { return fields_; }
  int64_t field_count() const { return static_cast<int64_t>(fields_.size()); }

  /// Of the vector of an entity: `dim`, or `dim` per field.
  int64_t width() const;

  /// The part of vectors [..., width()] that a field makes up, or of the gradients by them:
  /// [..., dim].
  at::Tensor OfField(const at::Tensor& vectors, int64_t field) const;
  /// vectors [tasks, rows, width()] minus changes[field] [tasks, rows, dim].
  at::Tensor Minus(const at::Tensor& vectors, const std::vector<at::Tensor>& changes) const;

  /// What EncodeFields takes of all parameters and all tables, or of their gradients. A projection
  /// may have a leading dimension of one task.
  std::vector<at::Tensor> Parts(const ParameterValues& values,
                                const std::vector<at::Tensor>& rows) const;

  /// [entity, width()]; zeros when there is no field.
  at::Tensor Encode(const ParameterValues& values, const EntityBatch& batch,
                    const std::vector<at::Tensor>& rows) const;

 private:
  std::vector<Source> fields_;
  int64_t dim_;
  FieldCombination combination_;
};

}  // namespace hearth

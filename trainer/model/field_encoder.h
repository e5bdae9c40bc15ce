#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/model/field_encoding.h"
#include "trainer/model/recommender.h"

namespace hearth {

/// Encodes the fields of one side of a model: each to a vector of `dim` numbers, the mean of the
/// embedding rows of its categories or a learned linear map of its numbers (field_encoding.h).
class FieldEncoder {
 public:
  /// Appends one table per categorical field to `tables` and one projection [width, dim] per
  /// numeric field to `layout`.
  FieldEncoder(const EntityFields& fields, int64_t dim, double init_scale,
               FieldCombination combination, ParameterLayout& layout,
               std::vector<TableSpec>& tables);

  int64_t field_count() const { return static_cast<int64_t>(fields_.size()); }

  /// Of the vector of an entity: `dim`, or `dim` per field.
  int64_t width() const;

  /// What EncodeFields takes of all parameters and all tables, or of their gradients.
  std::vector<at::Tensor> Parts(const ParameterValues& values,
                                const std::vector<at::Tensor>& rows) const;

  /// [entity, width()]; zeros when there is no field.
  at::Tensor Encode(const ParameterValues& values, const EntityBatch& batch,
                    const std::vector<at::Tensor>& rows) const;

 private:
  // Where the vector of a field comes from: the rows of a table, or a projection.
  struct Source {
    int64_t table = -1;       // categorical
    int64_t projection = -1;  // numeric: parameter index
  };
  std::vector<Source> fields_;
  int64_t dim_;
  FieldCombination combination_;
};

}  // namespace hearth

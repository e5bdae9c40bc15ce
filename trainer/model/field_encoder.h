#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/model/recommender.h"

namespace hearth {

/// Encodes the fields of one side of a model, each to a vector [entity, dim]: the mean of the
/// embedding rows of its categories, or a learned linear map of its numbers.
class FieldEncoder {
 public:
  /// Appends one table per categorical field to `tables` and one projection [width, dim] per
  /// numeric field to `layout`.
  FieldEncoder(const EntityFields& fields, int64_t dim, double init_scale, ParameterLayout& layout,
               std::vector<TableSpec>& tables);

  int64_t field_count() const { return static_cast<int64_t>(fields_.size()); }

  /// One tensor [entity, dim] per field.
  std::vector<at::Tensor> Encode(const ParameterValues& values, const EntityBatch& batch,
                                 const std::vector<at::Tensor>& rows) const;

 private:
  struct Source {
    int64_t table = -1;       // categorical
    int64_t projection = -1;  // numeric: parameter index
  };
  std::vector<Source> fields_;
  int64_t dim_;
};

}  // namespace hearth

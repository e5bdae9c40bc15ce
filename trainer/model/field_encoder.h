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

/// Encodes the fields of one side of a model. A field becomes a vector of `dim` numbers: the mean
/// of the table rows of its categories, or a learned linear map of its numbers (field_encoding.h).
class FieldEncoder {
 public:
  /// Appends one table per categorical field to `tables` and one projection [width, dim] per
  /// numeric field to `layout`.
  FieldEncoder(const std::vector<FieldSchema>& fields, int64_t dim, double init_scale,
               FieldCombination combination, ParameterLayout& layout,
               std::vector<TableSpec>& tables);

  /// The source of a field's vector: the rows of a table, or a projection.
  struct Source {
    std::string name;         ///< FieldSchema::name
    int64_t table = -1;       ///< categorical: index into the model's tables
    int64_t projection = -1;  ///< numeric: parameter index
  };

  const std::vector<Source>& fields() const { return fields_; }
  int64_t field_count() const { return std::ssize(fields_); }

  /// The width of an entity's vector: `dim`, or `dim` per field.
  int64_t width() const;

  /// The columns of vectors [..., width()], or of gradients by them, that belong to a field:
  /// [..., dim].
  at::Tensor OfField(const at::Tensor& vectors, int64_t field) const;
  /// Subtracts changes[field] [tasks, rows, dim] from vectors [tasks, rows, width()].
  at::Tensor Minus(const at::Tensor& vectors, const std::vector<at::Tensor>& changes) const;

  /// Picks the arguments of EncodeFields from all parameters and all tables, or from their
  /// gradients. A projection may have a leading dimension of one task.
  std::vector<at::Tensor> Parts(const ParameterValues& values,
                                const std::vector<at::Tensor>& rows) const;

  /// Encodes entities: returns [entity, width()], zeros when there is no field.
  at::Tensor Encode(const ParameterValues& values, const EntityBatch& batch,
                    const std::vector<at::Tensor>& rows) const;

 private:
  std::vector<Source> fields_;
  int64_t dim_;
  FieldCombination combination_;
};

}  // namespace hearth

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/model/chunk_batch.h"
#include "trainer/model/dense_head.h"
#include "trainer/model/encoded_rows.h"
#include "trainer/model/field_encoder.h"
#include "trainer/model/input_schema.h"
#include "trainer/model/model_options.h"
#include "trainer/table/table_options.h"
#include "trainer/tensor/parameters.h"

namespace hearth {

/// The encoders of the two sides of a model.
struct EntityEncoders {
  const FieldEncoder& tasks;
  const FieldEncoder& items;
};

/// A recommender: a function of dense parameters, table rows and a chunk. It has two halves.
/// Encode turns entities into feature vectors, once per chunk, by table rows and parameters that
/// all tasks share. The head turns the vectors of a row into a score; a method may adapt the
/// parameters of the head to each task. An inner loop runs the head alone. A model holds no values.
/// It is immutable after construction, so it is thread safe.
class Model {
 public:
  virtual ~Model() = default;

  /// The embedding tables, in BatchBuilder's order: task side, then row side.
  const std::vector<TableSpec>& tables() const { return tables_; }
  /// Indexes of the parameters that may adapt, first layer first: weights and biases of TaskLinear
  /// layers that Score runs. Inner steps do not move a parameter that Encode alone reads.
  const std::vector<int64_t>& adaptable() const { return adaptable_; }
  /// The last layer of the head, linear and of width 1.
  const TaskLinear& last_layer() const { return head_.layers.back(); }
  double output_offset() const { return head_.output_offset; }

  /// Encodes the entities of a chunk. rows[table]: [unique rows, dim], the rows that
  /// ChunkBatch::table_rows lists.
  virtual EncodedEntities Encode(const ParameterValues& values, const ChunkBatch& batch,
                                 const std::vector<at::Tensor>& rows) const = 0;

  /// Makes the inputs of the head. They use no parameter, so they are made once for all inner
  /// steps.
  virtual HeadRows MakeHeadRows(const EncodedRows& rows) const = 0;

  /// The inputs of last_layer(). ridge and prototypes adapt by these features alone, so they should
  /// tell items apart by the taste of a user, not only by a bias.
  virtual HeadRows Features(const ParameterValues& values, const HeadRows& rows,
                            std::vector<LayerTap>* taps = nullptr) const;

  /// Returns raw scores [tasks, rows]: a rating for mse, a logit for bce, a score for bpr.
  /// `taps`: receives the records of the passes through linear layers; may be null.
  virtual at::Tensor Score(const ParameterValues& values, const HeadRows& rows,
                           std::vector<LayerTap>* taps = nullptr) const;

  /// Capabilities: the head as a stack of dense layers, and the encoders of both sides. Each is
  /// null when the model has none.
  virtual const DenseHead* dense_head() const { return nullptr; }
  virtual const EntityEncoders* encoders() const { return nullptr; }

 protected:
  std::vector<TableSpec> tables_;
  std::vector<int64_t> adaptable_;
  DenseHead head_;
};

/// Builds the model that `options` names for a schema and declares its parameters in `layout`.
/// `output_offset` is added to every score.
/// Throws ConfigError when the schema has no item field.
std::unique_ptr<Model> MakeModel(const ModelOptions& options, const InputSchema& schema,
                                 double output_offset, ParameterLayout& layout);

}  // namespace hearth

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "trainer/model/chunk_batch.h"
#include "trainer/model/dense_head.h"
#include "trainer/model/fields.h"
#include "trainer/model/model_options.h"
#include "trainer/table/table_options.h"
#include "trainer/tensor/parameters.h"

namespace hearth {

class FieldEncoder;

/// What makes the feature vectors of both sides, where a FieldEncoder does; else nullptr.
struct EntityEncoders {
  const FieldEncoder* tasks = nullptr;
  const FieldEncoder* items = nullptr;
};

/// A recommender: a function of (dense parameters, embedding rows, chunk). It has two halves.
/// Encode turns entities into feature vectors, once per chunk, from embedding rows and parameters
/// that all tasks share. Score turns feature vectors into predictions with parameters that may be
/// adapted per task; the inner loop only calls Score.
/// Immutable after construction, so thread safe.
class Recommender {
 public:
  virtual ~Recommender() = default;

  /// Dense parameters; a method may add its own (inner rates) before values are made.
  ParameterLayout& layout() { return layout_; }
  const ParameterLayout& layout() const { return layout_; }
  /// In the order of BatchBuilder's tables: task side, then row side.
  const std::vector<TableSpec>& tables() const { return tables_; }
  /// Parameters that Score reads and a method may adapt, first layer first.
  const std::vector<int64_t>& adaptable() const { return adaptable_; }
  /// Those of `adaptable` that belong to the last layer.
  const std::vector<int64_t>& head() const { return head_; }

  /// Feature vectors of the chunk's tasks [tasks, a] and unique items [items, b].
  /// rows[table] [unique rows, dim], as listed in ChunkBatch::table_rows.
  virtual at::Tensor EncodeTasks(const ParameterValues& values, const ChunkBatch& batch,
                                 const std::vector<at::Tensor>& rows) const = 0;
  virtual at::Tensor EncodeItems(const ParameterValues& values, const ChunkBatch& batch,
                                 const std::vector<at::Tensor>& rows) const = 0;

  virtual EntityEncoders encoders() const { return {}; }

  /// What Score reads of rows: tasks [tasks, a], items [tasks, rows, b] -> [tasks, rows, c]. No
  /// parameter takes part, so it is made once for all inner steps. Here: both, side by side.
  virtual at::Tensor MakeInputs(const at::Tensor& tasks, const at::Tensor& items) const;

  /// inputs [tasks, rows, c] -> raw predictions [tasks, rows]: a rating for MSE, a logit for binary
  /// cross-entropy, a score for BPR.
  virtual at::Tensor Score(const ParameterValues& values, const at::Tensor& inputs) const = 0;

  /// Score as a stack of dense layers, where it is one; nullptr otherwise.
  virtual const DenseHead* dense_head() const { return nullptr; }
  /// The inputs of dense_head(), of the same rows: inputs [tasks, rows, c].
  virtual HeadRows MakeHeadRows(const at::Tensor& inputs) const;

 protected:
  ParameterLayout layout_;
  std::vector<TableSpec> tables_;
  std::vector<int64_t> adaptable_;
  std::vector<int64_t> head_;
};

/// Builds the model that `options` names for the fields of a data set. `output_offset` is added to
/// every prediction: the label mean for MSE, its logit for binary cross-entropy, 0 for BPR.
std::unique_ptr<Recommender> MakeRecommender(const ModelOptions& options,
                                             const EntityFields& task_fields,
                                             const EntityFields& item_fields, double output_offset);

/// Vectors of items for each row of a batch: items [unique, b], entity [tasks, rows] ->
/// [tasks, rows, b].
at::Tensor GatherRows(const at::Tensor& items, const at::Tensor& entity);

}  // namespace hearth

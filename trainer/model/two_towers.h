#pragma once

#include <string>

#include "trainer/model/model.h"

namespace hearth {

/// A model that encodes each side by itself, field by field. embedding_dot and embedding_mlp share
/// this class. Its constructor fills `tables_`. The constructor of a model fills `head_` and then
/// calls AdaptAllLayers, which fills `adaptable_`. dense_head() offers the head to the fused engine
/// at once; a model whose score is not the DenseHead on its rows overrides it with nullptr.
///
/// Users have no id embedding, and a side without fields encodes to zeros (FieldEncoder). A score
/// that is nothing but a product of both vectors is then constant. Such a model adds terms of the
/// item alone, or dense parameters: it declares them in its constructor and adds them to the
/// vectors in an override of Encode (a start vector). Inner steps do not move parameters that
/// Encode reads. With an override of Encode DenseHead::reads_vectors stays false.
class TwoTowers : public Model {
 public:
  EncodedEntities Encode(const ParameterValues& values, const ChunkBatch& batch,
                         const std::vector<at::Tensor>& rows) const override;
  const DenseHead* dense_head() const override { return &head_; }
  const EntityEncoders* encoders() const override { return &encoders_; }

 protected:
  struct Widths {
    int64_t tasks, items;  ///< width of a field's vector
  };
  /// Throws ConfigError when the schema has no item field. `name`: model.type, used in the message.
  TwoTowers(const std::string& name, const ModelOptions& options, const InputSchema& schema,
            Widths widths, FieldCombination combination, ParameterLayout& layout);

  const FieldEncoder& task_encoder() const { return task_encoder_; }
  const FieldEncoder& item_encoder() const { return item_encoder_; }
  /// Puts the weights and biases of all layers of `head_` into `adaptable_`.
  void AdaptAllLayers();

 private:
  FieldEncoder task_encoder_, item_encoder_;
  EntityEncoders encoders_{task_encoder_, item_encoder_};
};

}  // namespace hearth

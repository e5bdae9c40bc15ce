#pragma once

#include <string>

#include "trainer/model/model.h"

namespace hearth {

/// A model that encodes each side by itself, field by field. embedding_dot and embedding_mlp share
/// this class.
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
  /// Declares that all layers of the head may adapt.
  void AdaptAllLayers();

 private:
  FieldEncoder task_encoder_, item_encoder_;
  EntityEncoders encoders_{task_encoder_, item_encoder_};
};

}  // namespace hearth

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hearth {

/// The type and the widths of the recommender. Config section `model`.
struct ModelOptions {
  enum class Type { kEmbeddingDot, kEmbeddingMlp };
  enum class Activation { kRelu, kGelu, kTanh, kIdentity };
  enum class Start { kRandom, kAls };

  Type type = Type::kEmbeddingMlp;
  int64_t dim = 32;                           ///< width of every embedding, >= 1
  std::vector<int64_t> layers = {64, 64};     ///< hidden widths of embedding_mlp
  Activation activation = Activation::kRelu;  ///< between the layers of embedding_mlp
  bool item_id = true;                        ///< embed the item's id, not only its features
  /// Items with fewer training events have no table row of their own; they share the `unknown` row.
  int64_t min_item_events = 3;
  /// The share of training chunks that hide all item ids. The items of their tasks look new, so the
  /// model learns to work, and to adapt, by features alone.
  double id_dropout = 0.1;  ///< [0, 1)
  double init_scale = 0.1;  ///< standard deviation of new table rows
  /// kAls: the items' table rows start with a biased matrix factorisation of the training part.
  Start start = Start::kRandom;
  /// The side features to use, such as "user.age" or "item.genre"; empty: all features.
  std::vector<std::string> features = {};
};

}  // namespace hearth

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hearth {

/// Which recommender, and how wide. Config section `model`.
struct ModelOptions {
  enum class Type { kEmbeddingDot, kEmbeddingMlp };
  enum class Activation { kRelu, kGelu, kTanh, kIdentity };
  enum class Start { kRandom, kAls };

  Type type = Type::kEmbeddingMlp;
  int64_t dim = 32;                           ///< width of every embedding, >= 1
  std::vector<int64_t> layers = {64, 64};     ///< hidden widths of embedding_mlp
  Activation activation = Activation::kRelu;  ///< between the layers of embedding_mlp
  bool item_id = true;                        ///< embed the item's id beside its features
  /// Items with fewer training events share the `unknown` row instead of a row of their own.
  int64_t min_item_events = 3;
  /// Share of training chunks in which all item ids are hidden: tasks whose items are all new, so
  /// that features alone, and adaptation on features alone, stay useful.
  double id_dropout = 0.1;  ///< [0, 1)
  double init_scale = 0.1;  ///< standard deviation of new embedding rows
  /// kAls: item rows start from a biased matrix factorisation of the training part.
  Start start = Start::kRandom;
  /// Side features to use, "user.age" or "item.genre"; empty: all there are.
  std::vector<std::string> features;
};

}  // namespace hearth

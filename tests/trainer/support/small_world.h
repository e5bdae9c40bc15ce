#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/random.h"
#include "sampler/meta_batch.h"
#include "storage/shard/feature_table.h"
#include "trainer/adapt/meta_method.h"
#include "trainer/gradient/fused_engine.h"
#include "trainer/gradient/generic_engine.h"
#include "trainer/gradient/reference_engine.h"
#include "trainer/model/fields.h"
#include "trainer/table/meta_parameters.h"

namespace hearth {

/// Users and items with every kind of feature (missing values and empty lists included), a model, a
/// method and its engines, all in memory: what the tests of models, methods and engines stand on.
class SmallWorld {
 public:
  static constexpr int64_t kUsers = 7;
  static constexpr int64_t kItems = 12;

  SmallWorld(const ModelOptions& model_options, const MetaOptions& meta_options,
             at::ScalarType type, at::Device device = at::kCPU)
      : users_(MakeUsers()),
        items_(MakeItems()),
        user_fields_(users_, "user", {}),
        item_fields_(items_, "item", {}),
        meta_(meta_options) {
    std::vector<int64_t> event_counts(kItems, 5);
    event_counts[3] = 0;  // a cold item: it uses the row of the unknown
    item_fields_.AddIdField(event_counts, 1);
    const auto options = at::TensorOptions().dtype(type).device(device);
    model_ = MakeRecommender(model_options, user_fields_, item_fields_, 3.5);
    method_ = MakeMethod(meta_options, *model_);
    builder_ = std::make_unique<BatchBuilder>(user_fields_, item_fields_, options);
    parameters_.emplace(InitializeMetaParameters(model_->layout(), model_->tables(),
                                                 TableOptimizer::kAdam,
                                                 /*seed=*/11, options));
    // The start values of biases and projections are zero; zero hides wrong gradients.
    RandomStream random(5, Purpose::kTest);
    at::Tensor cpu = parameters_->dense.to(at::kCPU, at::kDouble);
    for (int64_t i = 0; i < cpu.numel(); ++i) {
      cpu.mutable_data_ptr<double>()[i] += 0.05 * random.NextNormal();
    }
    parameters_->dense = cpu.to(options);
  }

  EngineContext context() const { return {*model_, *method_, *builder_, meta_.loss}; }
  GenericEngine generic() const { return GenericEngine(context()); }
  FusedEngine fused() const { return FusedEngine(context(), meta_); }
  ReferenceEngine reference() const { return ReferenceEngine(context(), meta_); }
  Recommender& model() { return *model_; }
  const MetaMethod& method() const { return *method_; }
  const BatchBuilder& builder() const { return *builder_; }
  MetaParameters& parameters() { return *parameters_; }

  /// Ragged tasks with 1..longest support and 1..4 query rows; labels in 1..5, or 0/1 for `binary`.
  static Chunk MakeChunk(int64_t task_count, bool binary, int64_t negatives_per_row, uint64_t seed,
                         int64_t longest = 6) {
    Chunk chunk;
    chunk.negatives_per_row = negatives_per_row;
    for (int64_t t = 0; t < task_count; ++t) {
      RandomStream random(seed, Purpose::kTest, static_cast<uint64_t>(t));
      chunk.task_ids.push_back(t % kUsers);
      AppendRows(chunk.support, 1 + t * (longest / 6) % longest, binary, negatives_per_row, random);
      AppendRows(chunk.query, 1 + (t * 3) % 4, binary, negatives_per_row, random);
    }
    return chunk;
  }

 private:
  static void AppendRows(TaskRows& rows, int64_t count, bool binary, int64_t negatives,
                         RandomStream& random) {
    for (int64_t i = 0; i < count; ++i) {
      rows.items.push_back(static_cast<int64_t>(random.NextBelow(kItems)));
      rows.labels.push_back(
          static_cast<float>(binary ? random.NextBelow(2) : 1 + random.NextBelow(5)));
      for (int64_t n = 0; n < negatives; ++n) {
        rows.negatives.push_back(static_cast<int64_t>(random.NextBelow(kItems)));
        rows.negative_log_probability.push_back(-2.0f);
      }
    }
    rows.offsets.push_back(rows.offsets.back() + count);
  }

  static std::vector<std::string> Names(const std::string& prefix, int64_t count) {
    std::vector<std::string> names;
    for (int64_t i = 0; i < count; ++i) names.push_back(prefix + std::to_string(i));
    return names;
  }

  static EntityTable MakeUsers() {
    EntityTable users{.ids = Names("u", kUsers), .titles = {}, .features = {}};
    FeatureColumn age;
    age.name = "age";
    age.vocabulary = {"", "young", "old"};
    age.categories = {0, 1, 2, 1, 2, 2, 1};
    users.features.push_back(age);
    return users;
  }

  static EntityTable MakeItems() {
    EntityTable items{.ids = Names("i", kItems), .titles = {}, .features = {}};
    FeatureColumn genre;
    genre.name = "genre";
    genre.kind = FeatureKind::kCategories;
    genre.vocabulary = {"", "drama", "comedy", "war"};
    genre.offsets = {0};
    for (int64_t i = 0; i < kItems; ++i) {
      for (int32_t g = 1; g <= static_cast<int32_t>(i % 4) && g < 4; ++g) {
        genre.categories.push_back(g);
      }
      genre.offsets.push_back(static_cast<int64_t>(genre.categories.size()));
    }
    FeatureColumn year;
    year.name = "year";
    year.kind = FeatureKind::kNumber;
    FeatureColumn text;
    text.name = "text";
    text.kind = FeatureKind::kVector;
    text.width = 2;
    for (int64_t i = 0; i < kItems; ++i) {
      year.numbers.push_back(i == 4 ? std::nanf("") : 1990.0f + static_cast<float>(i));
      text.numbers.push_back(static_cast<float>(i % 3));
      text.numbers.push_back(static_cast<float>(i % 5) * 0.3f);
    }
    items.features = {genre, year, text};
    return items;
  }

  EntityTable users_, items_;
  EntityFields user_fields_, item_fields_;
  MetaOptions meta_;
  std::unique_ptr<Recommender> model_;
  std::unique_ptr<MetaMethod> method_;
  std::unique_ptr<BatchBuilder> builder_;
  std::optional<MetaParameters> parameters_;
};

}  // namespace hearth

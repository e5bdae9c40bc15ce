#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/random.h"
#include "sampler/meta_batch.h"
#include "storage/shard/feature_table.h"
#include "tests/trainer/support/reference_engine.h"
#include "trainer/adapt/learner.h"
#include "trainer/gradient/fused_engine.h"
#include "trainer/gradient/generic_engine.h"
#include "trainer/model/data_binding.h"

namespace hearth {

/// A small world in memory for the tests of models, methods and engines: a learner and its engines,
/// and users and items with every kind of feature, missing values and empty lists included.
class SmallWorld {
 public:
  static constexpr int64_t kUsers = 7;
  static constexpr int64_t kItems = 12;

  SmallWorld(const LearnerOptions& options, at::ScalarType type, at::Device device = at::kCPU)
      : SmallWorld(options, type, MakeAdaptation, device) {}
  SmallWorld(const LearnerOptions& options, at::ScalarType type, const AdaptationMaker& make,
             at::Device device = at::kCPU)
      : options_(options),
        learner_(std::make_shared<const InputSchema>(MakeSchema()), options,
                 at::TensorOptions().dtype(type).device(device), make),
        data_(*learner_.schema(), std::make_shared<const EntityTable>(MakeUsers()),
              learner_.schema()->catalogue.items, learner_.tensor_options()),
        parameters_(learner_.InitialParameters(TableOptimizer::kAdam, /*seed=*/11)) {
    // Biases and projections start at zero, and zero would hide wrong gradients.
    RandomStream random(5, Purpose::kTest);
    at::Tensor cpu = parameters_.dense.to(at::kCPU, at::kDouble);
    for (int64_t i = 0; i < cpu.numel(); ++i) {
      cpu.mutable_data_ptr<double>()[i] += 0.05 * random.NextNormal();
    }
    parameters_.dense = cpu.to(learner_.tensor_options());
  }

  EngineContext context() const { return {learner_, data_.builder()}; }
  GenericEngine generic() const { return GenericEngine(context()); }
  FusedEngine fused() const { return FusedEngine(context()); }
  ReferenceEngine reference() const { return ReferenceEngine(context(), options_); }
  const Learner& learner() const { return learner_; }
  const BatchBuilder& builder() const { return data_.builder(); }
  MetaParameters& parameters() { return parameters_; }

  /// Makes tasks of different lengths: 1..longest support rows and 1..4 query rows. Labels are in
  /// 1..5, or 0/1 for `binary`.
  static Chunk MakeChunk(int64_t task_count, bool binary, int64_t negatives_per_row, uint64_t seed,
                         int64_t longest = 6) {
    Chunk chunk;
    chunk.negatives_per_row = negatives_per_row;
    for (int64_t t = 0; t < task_count; ++t) {
      RandomStream random(seed, Purpose::kTest, t);
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
      rows.items.push_back(random.NextBelow(kItems));
      rows.labels.push_back(
          static_cast<float>(binary ? random.NextBelow(2) : 1 + random.NextBelow(5)));
      for (int64_t n = 0; n < negatives; ++n) {
        rows.negatives.push_back(random.NextBelow(kItems));
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
      for (int32_t g = 1; g <= i % 4; ++g) {
        genre.categories.push_back(g);
      }
      genre.offsets.push_back(std::ssize(genre.categories));
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

  // The mean label is 3.5. Item 3 is cold and uses the row of the unknown.
  static InputSchema MakeSchema() {
    const EntityTable users = MakeUsers();
    InputSchema schema;
    schema.catalogue.items = std::make_shared<const EntityTable>(MakeItems());
    schema.catalogue.event_counts.assign(kItems, 5);
    schema.catalogue.event_counts[3] = 0;
    schema.task_fields = {CategoryField("user.age", FieldKind::kCategory, users.features[0])};
    schema.row_fields = {
        CategoryField("item.genre", FieldKind::kCategories, schema.catalogue.items->features[0]),
        {.name = "item.year",
         .kind = FieldKind::kNumber,
         .mean = {1995.6},
         .inverse_deviation = {0.28}},
        {.name = "item.text",
         .kind = FieldKind::kVector,
         .mean = {1.0, 0.525},
         .inverse_deviation = {1.2, 2.4}},
        {.name = "item.id", .kind = FieldKind::kId, .row_count = kItems}};
    for (int64_t item = 0, row = 1; item < kItems; ++item) {
      schema.catalogue.id_rows.push_back(item == 3 ? 0 : row++);
    }
    schema.label_mean = 3.5;
    schema.label_min = 0;
    schema.label_max = 1;  // [0, 1] allows every loss
    return schema;
  }

  static FieldSchema CategoryField(const std::string& name, FieldKind kind,
                                   const FeatureColumn& column) {
    return {.name = name,
            .kind = kind,
            .row_count = std::ssize(column.vocabulary),
            .vocabulary = column.vocabulary};
  }

  LearnerOptions options_;
  Learner learner_;
  DataBinding data_;
  MetaParameters parameters_;
};

}  // namespace hearth

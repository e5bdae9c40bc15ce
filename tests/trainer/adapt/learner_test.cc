#include "trainer/adapt/learner.h"

#include <cmath>
#include <limits>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "storage/file/hdf5.h"
#include "tests/trainer/support/models_and_methods.h"
#include "tests/trainer/support/small_world.h"
#include "tests/trainer/support/training.h"
#include "trainer/adapt/learner_of_dataset.h"
#include "trainer/serve/adapted_users.h"
#include "trainer/serve/support_set.h"

namespace hearth {
namespace {

using Adapt = GradientDescentOptions::Adapt;

// A method, and the parameters that it adapts.
struct MethodCase {
  const char* name;
  MetaOptions::Method method = MetaOptions::Method::kMaml;
  Adapt adapt = Adapt::kDense;
};

class LearnerTest : public ::testing::TestWithParam<std::tuple<ModelOptions::Type, MethodCase>> {
 protected:
  LearnerTest() : dataset_({.path = SmallDataset()}) {
    LearnerOptions options = SmallRun("", 1);
    options.model.type = std::get<0>(GetParam());
    options.model.init_scale = 0.5;
    const MethodCase method = std::get<1>(GetParam());
    options.meta.method = method.method;
    options.descent.adapt = method.adapt;
    options.descent.inner_lr = 0.1;
    on_data_.emplace(dataset_, options, at::TensorOptions().dtype(at::kDouble));
    parameters_.emplace(learner().InitialParameters(TableOptimizer::kAdam, 3));
  }

  // A user who rated some items. `owner`: an entity, or kUnknownEntity.
  static SupportSet User(int64_t owner, int64_t count) {
    SupportSet user{.user = "u", .owner = owner, .items = {}, .labels = {}};
    for (int64_t i = 0; i < count; ++i) {
      user.items.push_back(7 * i);
      user.labels.push_back(static_cast<float>(1 + i % 5));
    }
    return user;
  }
  static std::vector<int64_t> Candidates() { return {0, 3, 7, 11, 21, 30, 49}; }

  // Predicts the candidates like evaluation does: the candidates are query rows.
  std::vector<double> Predict(const SupportSet& user, bool adapt) const {
    Chunk chunk = ChunkOf(user);
    chunk.query = {};
    for (const int64_t item : Candidates()) {
      chunk.query.items.push_back(item);
      chunk.query.labels.push_back(3.0f);
    }
    chunk.query.offsets = {0, std::ssize(Candidates())};
    return learner().Predict(*parameters_, builder(), chunk, adapt).query;
  }
  TaskState AdaptTo(const SupportSet& user) const {
    return learner().Adapt(*parameters_, builder(), ChunkOf(user));
  }
  std::vector<double> Serve(const TaskState& state, int64_t owner) const {
    return learner().ScoreItems(*parameters_, builder(), state, owner, Candidates());
  }
  const Learner& learner() const { return on_data_->learner; }
  const BatchBuilder& builder() const { return on_data_->data.builder(); }

  Dataset dataset_;
  std::optional<LearnerOfDataset> on_data_;
  std::optional<MetaParameters> parameters_;
};

std::string NameOf(const ::testing::TestParamInfo<LearnerTest::ParamType>& test) {
  const auto& [type, method] = test.param;
  return TestNameOf(type) + "_" + method.name;
}

// Every model with the methods that adapt: gradient descent by each `meta.adapt`, then the others.
INSTANTIATE_TEST_SUITE_P(
    , LearnerTest,
    ::testing::Combine(
        ::testing::ValuesIn(kEveryModel),
        ::testing::Values(MethodCase{"head", MetaOptions::Method::kMaml, Adapt::kHead},
                          MethodCase{"dense", MetaOptions::Method::kMaml, Adapt::kDense},
                          MethodCase{"all", MetaOptions::Method::kMaml, Adapt::kAll},
                          MethodCase{"ridge", MetaOptions::Method::kRidge},
                          MethodCase{"prototypes", MetaOptions::Method::kPrototypes})),
    NameOf);

TEST_P(LearnerTest, ServesWhatItEvaluates) {
  for (const int64_t owner : {int64_t{5}, kUnknownEntity}) {
    const SupportSet user = User(owner, 6);
    const std::vector<double> predicted = Predict(user, true);
    const std::vector<double> served = Serve(AdaptTo(user), owner);
    const std::vector<double> unadapted = Predict(user, false);
    double change = 0.0;
    for (size_t i = 0; i < predicted.size(); ++i) {
      EXPECT_NEAR(served[i], predicted[i], 1e-12) << i;
      change = std::max(change, std::abs(unadapted[i] - predicted[i]));
    }
    EXPECT_GT(change, 1e-3);
  }
}

TEST_P(LearnerTest, SavedUsersAreServedTheSame) {
  AdaptedUsers users{.base_checkpoint = "base", .base_hash = "hash", .users = {}, .states = {}};
  for (const auto& [owner, count] : {std::pair<int64_t, int64_t>{2, 3}, {kUnknownEntity, 8}}) {
    users.users.push_back(User(owner, count));
    users.users.back().user = owner == kUnknownEntity ? "nobody" : dataset_.task_entities().ids[2];
    users.states.push_back(AdaptTo(users.users.back()));
  }
  users.users.push_back(User(kUnknownEntity, 0));  // not adapted
  users.states.emplace_back();
  const std::string folder = FreshFolder("users");
  SaveAdaptedUsers(folder, on_data_->data, users);
  const AdaptedUsers loaded =
      LoadAdaptedUsers(folder, learner(), on_data_->data, *parameters_, "hash");
  ASSERT_EQ(loaded.states.size(), 3u);
  for (size_t u = 0; u < 3; ++u) {
    const int64_t owner = users.users[u].owner;
    EXPECT_EQ(Serve(loaded.states[u], owner), Serve(users.states[u], owner));
  }
}

TEST_P(LearnerTest, SavedValuesThatCannotBeAreRefused) {
  AdaptedUsers users{.base_checkpoint = "base", .base_hash = "hash", .users = {}, .states = {}};
  users.users.push_back(User(2, 3));
  users.users.back().user = dataset_.task_entities().ids[2];
  users.states.push_back(AdaptTo(users.users.back()));
  at::Tensor& last = users.states[0].tensors.back().tensor;
  last = last.clone();
  last.view({-1})[0] = std::numeric_limits<double>::quiet_NaN();
  const std::string folder = FreshFolder("damaged");
  SaveAdaptedUsers(folder, on_data_->data, users);
  EXPECT_THROW(LoadAdaptedUsers(folder, learner(), on_data_->data, *parameters_, "hash"),
               DataError);
}

// ---- on the small world

using Loss = MetaOptions::Loss;
using Method = MetaOptions::Method;

LearnerOptions SmallOptions(Method method, Loss loss, Adapt adapt = Adapt::kDense) {
  LearnerOptions options;
  options.model.dim = 4;
  options.model.layers = {5};
  options.model.init_scale = 0.5;
  options.meta = {.method = method, .loss = loss};
  options.descent.adapt = adapt;
  options.descent.inner_lr = 0.1;
  return options;
}

TEST(Learner, BceRefusesLabelsOutsideOfZeroToOne) {
  const SmallWorld world(SmallOptions(Method::kMaml, Loss::kBce), at::kDouble);  // [0, 1] is fine
  for (const auto& [low, high] : {std::pair{-0.5f, 1.0f}, {0.0f, 5.0f}}) {
    InputSchema schema = *world.learner().schema();
    schema.data_name = "films";
    schema.label_min = low;
    schema.label_max = high;
    const auto make = [&](Loss loss) {
      return std::make_unique<Learner>(std::make_shared<const InputSchema>(schema),
                                       SmallOptions(Method::kMaml, loss), at::kDouble);
    };
    EXPECT_NO_THROW(make(Loss::kMse));
    EXPECT_NO_THROW(make(Loss::kBpr));
    try {
      make(Loss::kBce);
      FAIL() << "not refused";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr("meta.loss=bce"));
      EXPECT_THAT(error.what(), ::testing::HasSubstr("'films'"));
      EXPECT_THAT(error.what(), ::testing::HasSubstr(fmt::format("[{}, {}]", low, high)));
    }
  }
}

// Blocks of items have 4096 items.
TEST(Learner, ACatalogueOfManyBlocksIsScoredLikeItsItemsAlone) {
  SmallWorld world(SmallOptions(Method::kMaml, Loss::kMse, Adapt::kAll), at::kDouble);
  const Chunk chunk = SelectTasks(SmallWorld::MakeChunk(3, false, 0, 3), {2});
  const Learner& learner = world.learner();
  const TaskState state = learner.Adapt(world.parameters(), world.builder(), chunk);
  const auto score = [&](const std::vector<int64_t>& items) {
    return learner.ScoreItems(world.parameters(), world.builder(), state, 2, items);
  };
  std::vector<double> alone;
  for (int64_t item = 0; item < SmallWorld::kItems; ++item) alone.push_back(score({item})[0]);
  EXPECT_NE(alone[0], alone[1]);
  EXPECT_TRUE(score({}).empty());
  for (const int64_t count : {4095, 4096, 4097, 8195}) {
    std::vector<int64_t> items;
    for (int64_t i = 0; i < count; ++i) items.push_back((i * i + 5 * i) % SmallWorld::kItems);
    const std::vector<double> scores = score(items);
    ASSERT_EQ(std::ssize(scores), count);
    for (int64_t i = 0; i < count; ++i) ASSERT_NEAR(scores[i], alone[items[i]], 1e-12) << i;
  }
}

TEST(Learner, QueryLossesAreThoseOfThePredictions) {
  for (const Loss loss : {Loss::kMse, Loss::kBce}) {
    SmallWorld world(SmallOptions(Method::kAnil, loss), at::kDouble);
    const Chunk chunk = SmallWorld::MakeChunk(6, loss == Loss::kBce, 0, 3);
    for (const bool adapt : {true, false}) {
      const ChunkPredictions predictions =
          world.learner().Predict(world.parameters(), world.builder(), chunk, adapt);
      ASSERT_EQ(std::ssize(predictions.query), chunk.query.row_count());
      ASSERT_EQ(std::ssize(predictions.query_loss), chunk.task_count());
      for (int64_t t = 0; t < chunk.task_count(); ++t) {
        const int64_t begin = chunk.query.offsets[t], end = chunk.query.offsets[t + 1];
        double sum = 0.0;
        for (int64_t r = begin; r < end; ++r) {
          const double p = predictions.query[r], label = chunk.query.labels[r];
          sum +=
              loss == Loss::kMse ? (p - label) * (p - label) : -std::log(label > 0.5 ? p : 1.0 - p);
        }
        EXPECT_NEAR(predictions.query_loss[t], sum / static_cast<double>(end - begin), 1e-12);
      }
    }
  }
}

TEST(Learner, ModelsThatSayNothingPredictTheMeanLabel) {
  for (const auto& [loss, expected] : {std::pair{Loss::kMse, 3.5}, {Loss::kBce, 0.99}}) {
    SmallWorld world(SmallOptions(Method::kJoint, loss), at::kDouble);
    world.parameters().dense.zero_();
    const Chunk chunk = SmallWorld::MakeChunk(3, loss == Loss::kBce, 0, 3);
    for (const double p :
         world.learner().Predict(world.parameters(), world.builder(), chunk, true).query) {
      EXPECT_NEAR(p, expected, 1e-14);  // a probability keeps away from one
    }
  }
}

}  // namespace
}  // namespace hearth

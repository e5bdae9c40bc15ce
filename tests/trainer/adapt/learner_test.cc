#include "trainer/adapt/learner.h"

#include <cmath>
#include <limits>
#include <tuple>

#include <gtest/gtest.h>

#include "storage/file/hdf5.h"
#include "tests/trainer/support/models_and_methods.h"
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
  LearnerTest() : folder_(FreshFolder("data")) {
    SimulateSmallDataset(folder_);
    dataset_.emplace(DatasetOptions{.path = folder_});
    LearnerOptions options = SmallRun("", 1);
    options.model.type = std::get<0>(GetParam());
    options.model.init_scale = 0.5;
    const MethodCase method = std::get<1>(GetParam());
    options.meta.method = method.method;
    options.descent.adapt = method.adapt;
    options.descent.inner_lr = 0.1;
    on_data_.emplace(*dataset_, options, at::TensorOptions().dtype(at::kDouble));
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
    Chunk chunk = ChunkOf(user, 0, dataset_->event_entities().size(), 1);
    chunk.query = {};
    for (const int64_t item : Candidates()) {
      chunk.query.items.push_back(item);
      chunk.query.labels.push_back(3.0f);
    }
    chunk.query.offsets = {0, std::ssize(Candidates())};
    return learner().Predict(*parameters_, builder(), chunk, adapt).query;
  }
  TaskState AdaptTo(const SupportSet& user) const {
    return learner().Adapt(*parameters_, builder(),
                           ChunkOf(user, 0, dataset_->event_entities().size(), 1));
  }
  std::vector<double> Serve(const TaskState& state, int64_t owner) const {
    return learner().ScoreItems(*parameters_, builder(), state, owner, Candidates());
  }
  const Learner& learner() const { return on_data_->learner; }
  const BatchBuilder& builder() const { return on_data_->data.builder(); }

  std::string folder_;
  std::optional<Dataset> dataset_;
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
    users.users.back().user = owner == kUnknownEntity ? "nobody" : dataset_->task_entities().ids[2];
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
  users.users.back().user = dataset_->task_entities().ids[2];
  users.states.push_back(AdaptTo(users.users.back()));
  at::Tensor& last = users.states[0].tensors.back().tensor;
  last = last.clone();
  last.view({-1})[0] = std::numeric_limits<double>::quiet_NaN();
  const std::string folder = FreshFolder("damaged");
  SaveAdaptedUsers(folder, on_data_->data, users);
  EXPECT_THROW(LoadAdaptedUsers(folder, learner(), on_data_->data, *parameters_, "hash"),
               DataError);
}

}  // namespace
}  // namespace hearth

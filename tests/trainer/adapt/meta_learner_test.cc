#include "trainer/adapt/meta_learner.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "storage/file/hdf5.h"
#include "tests/trainer/support/training.h"
#include "trainer/serve/adapted_users.h"
#include "trainer/serve/support_set.h"

namespace hearth {
namespace {

using Adapt = MetaOptions::Adapt;

class MetaLearnerTest : public ::testing::TestWithParam<std::tuple<ModelOptions::Type, Adapt>> {
 protected:
  MetaLearnerTest() : folder_(FreshFolder("data")) {
    SimulateSmallDataset(folder_);
    dataset_.emplace(DatasetOptions{.path = folder_});
    ModelOptions model = SmallRun("", 1).model;
    model.type = std::get<0>(GetParam());
    model.init_scale = 0.5;
    MetaOptions meta;
    meta.adapt = std::get<1>(GetParam());
    meta.inner_lr = 0.1;
    const auto real = at::TensorOptions().dtype(at::kDouble);
    learner_.emplace(*dataset_, model, meta, real);
    parameters_.emplace(InitializeMetaParameters(
        learner_->model().layout(), learner_->model().tables(), TableOptimizer::kAdam, 3, real));
  }

  // A user (an entity, or unknown) who rated the first items, and asks for those behind them.
  static SupportSet User(int64_t owner, int64_t count) {
    SupportSet user{.user = "u", .owner = owner, .items = {}, .labels = {}};
    for (int64_t i = 0; i < count; ++i) {
      user.items.push_back(7 * i);
      user.labels.push_back(static_cast<float>(1 + i % 5));
    }
    return user;
  }
  static std::vector<int64_t> Candidates() { return {0, 3, 7, 11, 21, 30, 49}; }

  // What evaluation predicts for the candidates as query rows.
  std::vector<double> Predict(const SupportSet& user, bool adapt) const {
    Chunk chunk = ChunkOf(user, 0, dataset_->event_entities().size(), 1);
    chunk.query = {};
    for (const int64_t item : Candidates()) {
      chunk.query.items.push_back(item);
      chunk.query.labels.push_back(3.0f);
    }
    chunk.query.offsets = {0, std::ssize(Candidates())};
    return learner_->Predict(*parameters_, chunk, adapt).query;
  }
  AdaptedUser AdaptTo(const SupportSet& user) const {
    return learner_->Adapt(*parameters_, ChunkOf(user, 0, dataset_->event_entities().size(), 1));
  }
  std::vector<double> Serve(const AdaptedUser& adapted, int64_t owner) const {
    return learner_->ScoreItems(*parameters_, adapted, owner, Candidates());
  }

  std::string folder_;
  std::optional<Dataset> dataset_;
  std::optional<MetaLearner> learner_;
  std::optional<MetaParameters> parameters_;
};

std::string NameOf(const ::testing::TestParamInfo<MetaLearnerTest::ParamType>& test) {
  const auto [type, adapt] = test.param;
  const char* const model = type == ModelOptions::Type::kEmbeddingDot ? "dot" : "mlp";
  const char* const what = adapt == Adapt::kAll ? "all" : adapt == Adapt::kHead ? "head" : "dense";
  return std::string(model) + "_" + what;
}

INSTANTIATE_TEST_SUITE_P(, MetaLearnerTest,
                         ::testing::Combine(::testing::Values(ModelOptions::Type::kEmbeddingDot,
                                                              ModelOptions::Type::kEmbeddingMlp),
                                            ::testing::Values(Adapt::kHead, Adapt::kDense,
                                                              Adapt::kAll)),
                         NameOf);

TEST_P(MetaLearnerTest, ServesWhatItEvaluates) {
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

TEST_P(MetaLearnerTest, SavedUsersAreServedTheSame) {
  AdaptedUsers users{.base_checkpoint = "base", .base_hash = "hash", .users = {}, .adapted = {}};
  for (const auto& [owner, count] : {std::pair<int64_t, int64_t>{2, 3}, {kUnknownEntity, 8}}) {
    users.users.push_back(User(owner, count));
    users.users.back().user = owner == kUnknownEntity ? "nobody" : dataset_->task_entities().ids[2];
    users.adapted.push_back(AdaptTo(users.users.back()));
  }
  const std::string folder = FreshFolder("users");
  SaveAdaptedUsers(folder, *learner_, *dataset_, users);
  const AdaptedUsers loaded = LoadAdaptedUsers(folder, *learner_, *dataset_, *parameters_, "hash");
  ASSERT_EQ(loaded.adapted.size(), 2u);
  for (size_t u = 0; u < 2; ++u) {
    const int64_t owner = users.users[u].owner;
    EXPECT_EQ(Serve(loaded.adapted[u], owner), Serve(users.adapted[u], owner));
  }
}

TEST_P(MetaLearnerTest, SavedRowsThatCannotBeAreRefused) {
  if (std::get<1>(GetParam()) != Adapt::kAll) return;
  AdaptedUsers users{.base_checkpoint = "base", .base_hash = "hash", .users = {}, .adapted = {}};
  users.users.push_back(User(2, 3));
  users.users.back().user = dataset_->task_entities().ids[2];
  users.adapted.push_back(AdaptTo(users.users.back()));
  const int64_t row_count = learner_->model().tables().back().row_count;
  int64_t number = 0;
  for (const std::vector<int64_t>& ids : {std::vector<int64_t>{row_count}, {-1}, {4, 4}, {5, 3}}) {
    AdaptedUsers damaged = users;
    damaged.adapted[0].row_ids.back() = ids;
    damaged.adapted[0].rows.back() =
        damaged.adapted[0].rows.back().narrow(0, 0, std::ssize(ids)).clone();
    const std::string folder = FreshFolder("damaged" + std::to_string(number++));
    SaveAdaptedUsers(folder, *learner_, *dataset_, damaged);
    EXPECT_THROW(LoadAdaptedUsers(folder, *learner_, *dataset_, *parameters_, "hash"), DataError);
  }
}

}  // namespace
}  // namespace hearth
